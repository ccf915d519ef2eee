import { parseArgs } from 'node:util';
import type { DownRequest } from './bring-down.ts';
import type { GlobalOptions } from './command.ts';

/** An `azora down` about whose line nothing is out of the ordinary is read without what reads every other one, as `azora status` is. */

const OPTIONS = {
  file: { type: 'string', short: 'f' },
  'state-dir': { type: 'string' },
  force: { type: 'boolean' },
  'no-color': { type: 'boolean' },
} as const;

export interface PlainDown {
  readonly global: GlobalOptions;
  readonly request: DownRequest;
}

/** What such a line asks for; null for every other line, and for all that is to be refused. */
export function plainDown([command, ...args]: readonly string[]): PlainDown | null {
  if (command !== 'down') return null;
  const parsed = parse(args);
  if (!parsed) return null;
  const { file, 'state-dir': stateDir, force = false } = parsed.values;
  if (file === '' || stateDir === '') return null;
  return { global: { file, stateDir, progress: 'auto' }, request: { timeoutMs: null, force } };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS });
  } catch {
    return null; // the command says what is wrong with it
  }
}
