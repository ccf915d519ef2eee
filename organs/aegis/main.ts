import { Client, connectEvents, dataFolder, serve } from '../kit/index.ts';
import { aegis } from './organ.ts';

process.umask(0o077);
const client = new Client();
await serve(aegis({ folder: dataFolder('aegis'), bus: connectEvents({ source: 'aegis', client }) }));
