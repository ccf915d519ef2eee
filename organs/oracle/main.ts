import { Client, connectEvents, dataFolder, serve } from '../kit/index.ts';
import { oracle } from './organ.ts';

await serve(
  oracle({ folder: dataFolder('oracle'), events: connectEvents({ source: 'oracle', client: new Client() }) }),
);
