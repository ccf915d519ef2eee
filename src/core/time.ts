/**
 * A moment as the machine sees it: `mono` never jumps and measures durations and deadlines; `wall` is what people read. Both in
 * milliseconds. The core never asks for the time, it is told.
 */
export interface Instant {
  readonly mono: number;
  /** Since the epoch. */
  readonly wall: number;
}

/** RFC 3339, UTC, milliseconds. */
export function timestamp(wall: number): string {
  return new Date(wall).toISOString();
}

/** `240 ms`, `3.4 s`, `2 min 5 s`, `1 h 2 min`: a duration as people say it. */
export function humanDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}
