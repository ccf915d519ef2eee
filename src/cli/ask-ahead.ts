import { ownVersion } from '../adapters/version.ts';
import { askStatusAhead } from './connect.ts';
import { locateState } from './locate.ts';
import { plainStatus } from './plain-status.ts';

/**
 * `azora status` asks before what shows the answer is loaded: the supervisor looks at every process meanwhile. A guess, and never
 * more: whatever is not plain is left to the command itself.
 */
export async function askAhead(argv: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  try {
    const plain = plainStatus(argv);
    if (plain) await askStatusAhead(locateState({ global: plain.global, env, cwd }), ownVersion());
  } catch {
    // The command comes to the same and says so in its own words.
  }
}
