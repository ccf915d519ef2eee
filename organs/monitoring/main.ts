import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { Client, connectEvents, connectState, dataFolder, log, serve } from '../kit/index.ts';
import { monitoring } from './organ.ts';

const interval = z.coerce
  .number()
  .int()
  .min(100)
  .max(3_600_000)
  .default(15_000)
  .safeParse(process.env.MONITORING_INTERVAL_MS);
if (!interval.success) {
  log(`monitoring cannot start: MONITORING_INTERVAL_MS: ${z.prettifyError(interval.error)}`);
  process.exit(1);
}
const client = new Client();
await serve(
  monitoring({
    folder: dataFolder('monitoring'),
    client,
    events: connectEvents({ source: 'monitoring', client }),
    state: connectState({ client }),
    registryUrl: process.env.AZORA_REGISTRY_URL,
    rules: JSON.parse(readFileSync(new URL('rules.json', import.meta.url), 'utf8')),
    intervalMs: interval.data,
  }),
);
