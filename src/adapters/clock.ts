import type { Instant } from '../core/time.ts';

/**
 * Now. `mono` is the machine's CLOCK_MONOTONIC in ms: it is the same for every process, so what one supervisor wrote down means
 * the same to the next one until the machine reboots.
 */
export function now(): Instant {
  return { mono: monotonic(), wall: Date.now() };
}

/** `now().mono` alone. `performance.now()` would do for measuring, but its first call loads node:perf_hooks, which takes 1 ms. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;
