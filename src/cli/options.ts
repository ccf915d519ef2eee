import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../core/config/units.ts';

/** For commander: `30s`, `2m`, or a bare number of seconds as docker takes it; in milliseconds. */
export function durationOption(text: string): number {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Math.round(Number(text) * 1000) : parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('It is a duration: 500ms, 30s, 2m, 1h30m.');
  return ms;
}

/** For commander: `--profile a,b` and `--profile a --profile b` are the same. */
export function namesOption(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(',').filter((name) => name !== '')];
}
