import { parseArgs } from 'node:util';
import type { GlobalOptions } from './command.ts';
import type { StatusOptions } from './show-status.ts';

/**
 * `azora status` is asked for again and again, by people and by scripts, and loading what reads every other command line takes as
 * long as all the rest of it. Where nothing about its line is out of the ordinary, that line is read here.
 */

const OPTIONS = {
  file: { type: 'string', short: 'f' },
  'state-dir': { type: 'string' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean', short: 'q' },
  'exit-code': { type: 'boolean' },
  'no-color': { type: 'boolean' },
} as const;

export interface PlainStatus {
  readonly global: GlobalOptions;
  readonly organs: readonly string[];
  readonly options: StatusOptions;
}

/** What such a line asks for; null for every other line, and for all that is to be refused. */
export function plainStatus([command, ...args]: readonly string[]): PlainStatus | null {
  if (command !== 'status' && command !== 'ps') return null;
  const parsed = parse(args);
  if (!parsed) return null;
  const { file, 'state-dir': stateDir, json, quiet, 'exit-code': exitCode } = parsed.values;
  if (file === '' || stateDir === '') return null;
  return {
    global: { file, stateDir, progress: 'auto' },
    organs: parsed.positionals,
    options: { ...(json && { json }), ...(quiet && { quiet }), ...(exitCode && { exitCode }) },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch {
    return null; // the command says what is wrong with it
  }
}
