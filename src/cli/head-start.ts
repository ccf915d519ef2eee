import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Daemon, startDaemon, startDaemons } from '../adapters/self.ts';
import { createStateFolder, type StateFolder } from '../adapters/state-folder.ts';
import { locateFile, locateState } from './locate.ts';

/**
 * The keeper of a system that is about to be booted is started before anything else of `azora up` is loaded: it comes up while
 * the command line is parsed and the configuration read. A guess, and never more: whatever is not plain is left to the
 * command itself, and a keeper that nobody asks anything of ends by itself.
 */

/** Everything that `up` takes; an argument beyond it is for the command to refuse. */
const OPTIONS = {
  file: { type: 'string', short: 'f' },
  'state-dir': { type: 'string' },
  progress: { type: 'string' },
  profile: { type: 'string', multiple: true },
  'wait-timeout': { type: 'string' },
  'exit-code-from': { type: 'string' },
  detach: { type: 'boolean', short: 'd' },
  'no-deps': { type: 'boolean' },
  'abort-on-failure': { type: 'boolean' },
  fresh: { type: 'boolean' },
  'no-color': { type: 'boolean' },
} as const;

let begun: { readonly root: string; readonly keeper: Promise<Daemon> } | null = null;

/** @param args what follows `up` */
export function headStart(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): void {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    const where = { global: { file: values.file, stateDir: values['state-dir'], progress: 'auto' as const }, env, cwd };
    if (!existsSync(locateFile(where))) return;
    const folder = locateState(where);
    if (existsSync(folder.keeperSocket) || existsSync(folder.supervisorSocket)) return;
    if (existsSync(folder.emergencyLatch)) return; // the command is going to refuse
    createStateFolder(folder);
    const keeper = startKeeper(folder);
    keeper.catch(() => {}); // said by whoever takes it up
    begun = { root: folder.root, keeper };
  } catch {
    // The command comes to the same and says so in its own words.
  }
}

/** The keeper that has been started for this folder already, or one that is started now. */
export function keeperFor(folder: StateFolder): Promise<Daemon> {
  const early = begun?.root === folder.root ? begun.keeper : null;
  begun = null;
  return early ?? startKeeper(folder);
}

/** With a supervisor as its child, which boots beside it. Where the keeper could not see that one end, it starts one itself. */
function startKeeper(folder: StateFolder): Promise<Daemon> {
  const args = ['--state-dir', folder.root];
  const keeper = { role: 'keeper', args: ['__keeper', ...args], log: join(folder.run, 'keeper.log') };
  const supervisor = { role: 'supervisor', args: ['__supervisor', ...args], log: join(folder.run, 'supervisor.log') };
  const together = process.platform === 'linux' && process.env.AZORA_SPAWNER === undefined && existsSync('/bin/sh');
  return together ? startDaemons(keeper, supervisor) : startDaemon(keeper.args, keeper);
}
