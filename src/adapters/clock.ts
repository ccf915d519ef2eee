import type { Instant } from '../core/time.ts';

/**
 * Now. `mono` is the machine's CLOCK_MONOTONIC in ms: it is the same for every process, so what one supervisor wrote down means
 * the same to the next one until the machine reboots.
 */
export function now(): Instant {
  return { mono: Number(process.hrtime.bigint()) / 1e6, wall: Date.now() };
}
