import { Client, log, messageOf, serve } from '../kit/index.ts';
import { apiGateway } from './organ.ts';
import { readSettings } from './settings.ts';

try {
  await serve(apiGateway({ client: new Client({ cacheMs: 0 }), ...readSettings(process.env) }));
} catch (error) {
  log(`api-gateway cannot start: ${messageOf(error)}`);
  process.exit(1);
}
