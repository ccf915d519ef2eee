import { dataFolder, log, messageOf, serve } from '../kit/index.ts';
import { llmWrapper } from './organ.ts';
import { readSettings } from './settings.ts';

try {
  await serve(llmWrapper({ folder: dataFolder('llm-wrapper'), ...readSettings(process.env) }));
} catch (error) {
  log(`llm-wrapper cannot start: ${messageOf(error)}`);
  process.exit(1);
}
