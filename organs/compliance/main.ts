import { Client, connectEvents, connectState, dataFolder, serve } from '../kit/index.ts';
import { compliance } from './organ.ts';

const client = new Client();
const bus = connectEvents({ source: 'compliance' });
await serve(compliance({ folder: dataFolder('compliance'), client, bus, state: connectState({ client }) }));
