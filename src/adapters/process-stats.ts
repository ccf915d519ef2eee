import { readFileSync } from 'node:fs';

/** What a process uses. */
export interface ProcessStats {
  /** Processor time since it started, ms. */
  readonly cpuMs: number;
  /** Of its children, and theirs, that ended and were waited for. */
  readonly endedChildrenMs: number;
  readonly rssBytes: number;
  /** Of that, what is not a file's and not shared by intent. */
  readonly anonymousBytes: number;
}

/** Linux counts processor time in ticks of 1/100 s for every program (USER_HZ), whatever the kernel's own rate. */
const TICK_MS = 10;

/** Reads what a process uses, or null where the system has no /proc or the process is gone. */
export function processStats(pid: number): ProcessStats | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name may hold anything, parentheses too: the fields begin after its last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return {
      cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
      endedChildrenMs: (Number(fields[13]) + Number(fields[14])) * TICK_MS,
      rssBytes: kilobytes(status, 'VmRSS'),
      anonymousBytes: kilobytes(status, 'RssAnon'),
    };
  } catch {
    // Gone meanwhile, or a system without /proc: there is no figure, and that is what is shown.
    return null;
  }
}

const kilobytes = (status: string, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024;
