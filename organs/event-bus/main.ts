import { dataFolder, serve } from '../kit/index.ts';
import { eventBus } from './organ.ts';

const maxBytes = process.env.EVENT_BUS_MAX_BYTES;
await serve(eventBus({ folder: dataFolder('event-bus'), ...(maxBytes ? { maxBytes: Number(maxBytes) } : {}) }));
