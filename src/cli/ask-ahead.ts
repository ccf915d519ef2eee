import { parseArgs } from 'node:util';
import { ownVersion } from '../adapters/version.ts';
import { askStatusAhead } from './connect.ts';
import { locateState } from './locate.ts';

/**
 * `azora status` asks before the rest of it is loaded: the supervisor looks at every process while the command line is being
 * read. A guess, and never more: whatever is not plain is left to the command itself.
 */

/** Everything that `status` takes but --watch, which has to listen first. */
const OPTIONS = {
  file: { type: 'string', short: 'f' },
  'state-dir': { type: 'string' },
  progress: { type: 'string' },
  by: { type: 'string' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean', short: 'q' },
  'exit-code': { type: 'boolean' },
  'no-color': { type: 'boolean' },
} as const;

/** @param args what follows `status` */
export async function askAhead(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    const global = { file: values.file, stateDir: values['state-dir'], progress: 'auto' } as const;
    await askStatusAhead(locateState({ global, env, cwd }), ownVersion());
  } catch {
    // The command comes to the same and says so in its own words.
  }
}
