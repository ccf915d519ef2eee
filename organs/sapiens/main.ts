import { Client, connectEvents, dataFolder, serve } from '../kit/index.ts';
import { sapiens } from './organ.ts';

const client = new Client();
await serve(sapiens({ folder: dataFolder('sapiens'), bus: connectEvents({ source: 'sapiens', client }) }));
