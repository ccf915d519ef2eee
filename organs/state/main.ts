import { dataFolder, serve } from '../kit/index.ts';
import { state } from './organ.ts';

const maxBytes = process.env.STATE_MAX_BYTES;
await serve(state({ folder: dataFolder('state'), ...(maxBytes ? { maxBytes: Number(maxBytes) } : {}) }));
