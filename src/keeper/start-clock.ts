import type { Libc } from '../adapters/libc.ts';
import { startTimeIfKnown } from './identity.ts';

/**
 * The kernel's start time of a process just started, without asking the kernel: it is the clock since the machine's boot, cut to
 * hundredths of a second (proc_pid_stat(5): starttime, in clock ticks). If that clock shows the same hundredth before and after the
 * spawn, it was that one. To read /proc/<pid>/stat takes more than a tenth of what a spawn does.
 */
export interface StartClock {
  /** Hundredths of a second; NaN where it cannot be read. */
  now(): number;
  /** Of a process that was started between `before` and now; null when it cannot be known. */
  startTimeOf(pid: number, before: number): string | null;
}

// Linux.
const CLOCK_BOOTTIME = 7;
const TICKS_PER_SECOND = 100;
const NANOSECONDS_PER_TICK = 1e9 / TICKS_PER_SECOND;

/** The clock is believed once it has said the same as /proc, and never again if it has not. */
export function createStartClock(libc: Libc): StartClock {
  // Seconds and nanoseconds, 64 bits each, of which the lower halves are enough.
  const time = new Int32Array(4);
  const is64Bit = process.arch === 'x64' || process.arch === 'arm64';
  const getTime = is64Bit ? libc.bind('int clock_gettime(int clock, void *time)') : undefined;
  let believed: boolean | null = getTime ? null : false;

  const now = (): number =>
    believed === false || getTime?.(CLOCK_BOOTTIME, time) !== 0
      ? Number.NaN
      : time[0]! * TICKS_PER_SECOND + Math.floor(time[2]! / NANOSECONDS_PER_TICK);

  return {
    now,
    startTimeOf: (pid, before) => {
      const shown = before === now() ? String(before) : null;
      if (believed && shown !== null) return shown;
      const asked = startTimeIfKnown(pid);
      if (shown !== null && asked !== null) believed = shown === asked;
      return asked;
    },
  };
}
