import { parseArgs } from 'node:util';
import { ownVersion } from '../adapters/version.ts';
import type { GlobalOptions } from './command.ts';
import { askStatusAhead } from './connect.ts';
import { locateState } from './locate.ts';
import { plainStatus } from './plain-status.ts';

/**
 * `azora status` and `azora down` ask before what shows the answer is loaded: the supervisor looks at every process meanwhile. A
 * guess, and never more: whatever is not plain is left to the command itself.
 */
export async function askAhead(argv: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  try {
    const global = argv[0] === 'down' ? whichDown(argv.slice(1)) : plainStatus(argv)?.global;
    if (global) await askStatusAhead(locateState({ global, env, cwd }), ownVersion());
  } catch {
    // The command comes to the same and says so in its own words.
  }
}

/** Everything that `down` takes; throws at an argument beyond it. */
const DOWN = {
  file: { type: 'string', short: 'f' },
  'state-dir': { type: 'string' },
  timeout: { type: 'string', short: 't' },
  progress: { type: 'string' },
  force: { type: 'boolean' },
  'no-color': { type: 'boolean' },
} as const;

function whichDown(args: readonly string[]): GlobalOptions {
  const { file, 'state-dir': stateDir } = parseArgs({ args: [...args], options: DOWN }).values;
  return { file, stateDir, progress: 'auto' };
}
