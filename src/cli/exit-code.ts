import { constants } from 'node:os';
import { EXIT } from '../core/failures.ts';

/** What a shell makes of an end: the code, or 128 and the signal's number; 1 when nobody saw it. */
export function exitCodeOf(code: number | null, signal: string | null): number {
  return code ?? (signal === null ? EXIT.failed : 128 + (constants.signals[signal as NodeJS.Signals] ?? 0));
}
