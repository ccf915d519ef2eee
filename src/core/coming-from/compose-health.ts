import { formatDuration, parseDuration } from '../config/units.ts';
import type { Found, FoundMap } from './draft.ts';
import { asTexts, braced, filled, isMap, isScalar, Reader } from './draft.ts';

/** Docker's own defaults. */
const INTERVAL_MS = 30_000;
const RETRIES = 3;

/** A container's healthcheck as an exec probe. While an organ starts azora asks from 50 ms upwards, whatever the interval. */
export function healthOf(found: Found, notes: string[]): FoundMap | null {
  if (!isMap(found)) return null;
  const read = new Reader(found);
  const test = read.take('test');
  const interval = ms(read.take('interval'));
  const period = ms(read.take('start_period')) ?? 0;
  const timeout = ms(read.take('timeout'));
  const retries = read.take('retries');
  const failures = isScalar(retries) && Number(retries) > 0 ? Number(retries) : RETRIES;
  read.take('start_interval'); // azora asks often enough by itself
  const command = commandOf(test);
  if (read.take('disable') === true || command === null) return null;
  notes.push(...read.left.map((key) => `healthcheck.${key}: no equivalent`));
  return filled({
    exec: command,
    interval: formatDuration(interval ?? INTERVAL_MS),
    timeout: timeout === null ? null : formatDuration(timeout),
    failures,
    // Docker calls it unhealthy after this long, and azora a failed start.
    start_timeout: formatDuration(Math.max(1000, period + failures * (interval ?? INTERVAL_MS))),
    // Docker only says so; azora would heal.
    restart: false,
  });
}

function commandOf(test: Found): string | string[] | null {
  if (typeof test === 'string') return braced(test);
  const [kind, ...words] = asTexts(test);
  if (kind === 'CMD') return words.length > 0 ? words.map(braced) : null;
  if (kind === 'CMD-SHELL') return braced(words.join(' '));
  return null;
}

const ms = (found: Found): number | null => (isScalar(found) ? parseDuration(String(found)) : null);
