import { dataFolder, serve } from '../kit/index.ts';
import { supremeOrchestrator } from './organ.ts';

const name = 'supreme-orchestrator';
await serve(supremeOrchestrator({ folder: dataFolder(name), registryUrl: process.env.AZORA_REGISTRY_URL }));
