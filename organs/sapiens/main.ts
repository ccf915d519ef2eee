import { dataFolder, serve } from '../kit/index.ts';
import { sapiens } from './organ.ts';

await serve(sapiens({ folder: dataFolder('sapiens') }));
