import * as z from 'zod';
import { Client, connectEvents, connectState, dataFolder, log, serve } from '../kit/index.ts';
import { aegis } from './organ.ts';

process.umask(0o077);
const life = z.coerce.number().int().min(1).max(86_400).default(3600).safeParse(process.env.AEGIS_TOKEN_SECONDS);
if (!life.success) {
  log(`aegis cannot start: AEGIS_TOKEN_SECONDS: ${z.prettifyError(life.error)}`);
  process.exit(1);
}
const client = new Client();
const bus = connectEvents({ source: 'aegis', client });
const state = connectState({ client, timeoutMs: 500 });
await serve(aegis({ folder: dataFolder('aegis'), tokenLifeMs: life.data * 1000, bus, state }));
