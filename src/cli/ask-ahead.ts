import { ownVersion } from '../adapters/version.ts';
import { askStatusAhead } from './connect.ts';
import { locateState } from './locate.ts';
import { plainDown } from './plain-down.ts';
import { plainStatus } from './plain-status.ts';

/**
 * `azora status` and `azora down` ask before what shows the answer is loaded: the supervisor looks at every process meanwhile. A
 * guess, and never more: whatever is not plain is left to the command itself.
 */
export async function askAhead(argv: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  try {
    const plain = plainStatus(argv) ?? plainDown(argv);
    // Whoever brings it down wants to know who is there, not how they are.
    const usage = argv[0] !== 'down';
    if (plain) await askStatusAhead(locateState({ global: plain.global, env, cwd }), ownVersion(), { usage });
  } catch {
    // The command comes to the same and says so in its own words.
  }
}
