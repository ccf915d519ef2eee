import { Client, connectEvents, dataFolder, serve } from '../kit/index.ts';
import { aiAgent } from './organ.ts';

const client = new Client();
const { AZORA_INSTANCE: instance = 'ai-agent' } = process.env;
await serve(
  aiAgent({ folder: dataFolder('ai-agent'), instance, client, bus: connectEvents({ source: 'ai-agent', client }) }),
);
