import { dataFolder, serve } from '../kit/index.ts';
import { elara } from './organ.ts';

await serve(await elara({ folder: dataFolder('elara') }));
