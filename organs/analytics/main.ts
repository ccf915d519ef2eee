import { Client, connectEvents, dataFolder, serve } from '../kit/index.ts';
import { analytics } from './organ.ts';

const client = new Client();
await serve(
  analytics({
    folder: dataFolder('analytics'),
    instance: process.env.AZORA_INSTANCE ?? 'analytics',
    events: connectEvents({ source: 'analytics', client }),
    client,
  }),
);
