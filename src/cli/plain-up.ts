import { parseArgs } from 'node:util';
import type { GlobalOptions } from './command.ts';
import type { UpWish } from './up/prepare.ts';
import type { UpManner } from './up/up.ts';

/** An `azora up` about whose line nothing is out of the ordinary is read without what reads every other one, as `azora status` is. */

const OPTIONS = {
  file: { type: 'string', short: 'f' },
  'state-dir': { type: 'string' },
  detach: { type: 'boolean', short: 'd' },
  'no-deps': { type: 'boolean' },
  fresh: { type: 'boolean' },
  'no-color': { type: 'boolean' },
} as const;

export interface PlainUp {
  readonly global: GlobalOptions;
  readonly wish: UpWish;
  readonly manner: UpManner;
}

/** What such a line asks for; null for every other line, and for all that is to be refused. */
export function plainUp([command, ...args]: readonly string[]): PlainUp | null {
  if (command !== 'up') return null;
  const parsed = parse(args);
  if (!parsed) return null;
  const { file, 'state-dir': stateDir, detach = false, 'no-deps': noDeps = false, fresh = false } = parsed.values;
  if (file === '' || stateDir === '') return null;
  const organs = parsed.positionals.length === 0 ? null : parsed.positionals;
  return {
    global: { file, stateDir, progress: 'auto' },
    wish: { organs, noDeps, fresh, clearEmergency: false, profiles: null },
    manner: { detach, waitTimeoutMs: null, abortOnFailure: false, exitCodeFrom: null },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch {
    return null; // the command says what is wrong with it
  }
}
