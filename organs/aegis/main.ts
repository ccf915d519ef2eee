import { dataFolder, serve } from '../kit/index.ts';
import { aegis } from './organ.ts';

process.umask(0o077);
await serve(aegis({ folder: dataFolder('aegis') }));
