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

const RFC_3339 = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?$/;

/** For commander: `10m` = that long ago; a date alone is its midnight, and a time without zone is this machine's. In ms since the epoch. */
export function timeOption(text: string): number {
  const ago = parseDuration(text);
  if (ago !== null) return Date.now() - ago;
  const withTime = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text;
  const time = RFC_3339.test(text) ? Date.parse(withTime.toUpperCase()) : Number.NaN;
  if (Number.isNaN(time)) throw new InvalidArgumentError('It is a time (2026-11-23T08:00:00Z) or how long ago (10m).');
  return time;
}
