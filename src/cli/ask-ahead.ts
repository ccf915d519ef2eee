import { ownVersion } from '../adapters/version.ts';
import { askStatusAhead, askStatusNow } from './connect.ts';
import { locateState } from './locate.ts';
import { plainDown } from './plain-down.ts';
import { plainStatus } from './plain-status.ts';

/**
 * `azora status` and `azora down` ask before what shows the answer is loaded: the supervisor looks at every process meanwhile. A
 * guess, and never more: whatever is not plain is left to the command itself. True: all is asked that there is to ask.
 */
export async function askAhead(argv: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<boolean> {
  try {
    const status = plainStatus(argv);
    const plain = status ?? plainDown(argv);
    if (!plain) return false;
    const folder = locateState({ global: plain.global, env, cwd });
    if (status && askStatusNow(folder, ownVersion())) return true;
    // Whoever brings it down wants to know who is there, not how they are.
    await askStatusAhead(folder, ownVersion(), { usage: status !== null });
  } catch {
    // The command comes to the same and says so in its own words.
  }
  return false;
}
