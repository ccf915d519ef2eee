import { readFileSync } from 'node:fs';
import { Client, connectEvents, connectState, dataFolder, serve } from '../kit/index.ts';
import { monitoring } from './organ.ts';

const client = new Client();
const interval = process.env.MONITORING_INTERVAL_MS;
await serve(
  monitoring({
    folder: dataFolder('monitoring'),
    client,
    events: connectEvents({ source: 'monitoring', client }),
    state: connectState({ client }),
    registryUrl: process.env.AZORA_REGISTRY_URL,
    rules: JSON.parse(readFileSync(new URL('rules.json', import.meta.url), 'utf8')),
    ...(interval ? { intervalMs: Number(interval) } : {}),
  }),
);
