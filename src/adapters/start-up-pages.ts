import { readFileSync } from 'node:fs';
import { loadLibc } from './libc.ts';

/**
 * A Node that has booted holds 50 MB of its own program in memory, most of which it will not need again: what runs at a start. A daemon
 * that is left alone lets go of it. Nothing is lost: these pages are the file's, unchanged, and whichever is needed is there again
 * at its first use, mostly without the disk being asked.
 */

const MADV_DONTNEED = 4;

interface Mapping {
  readonly start: bigint;
  readonly bytes: bigint;
}

/** After `ms`: what a start leaves to be done has been done by then. Keeps no process from ending. Linux; elsewhere nothing happens. */
export function letGoOfStartUpAfter(ms: number): void {
  if (process.platform === 'linux') setTimeout(letGo, ms).unref();
}

function letGo(): void {
  const madvise = loadLibc()?.bind('int madvise(uint64_t address, size_t length, int advice)');
  if (!madvise) return;
  try {
    for (const { start, bytes } of unchangedFiles(readFileSync('/proc/self/smaps', 'latin1'))) {
      madvise(start, bytes, MADV_DONTNEED);
    }
  } catch {
    // No /proc, or no descriptor left to read it with: then it keeps what it has.
  }
}

/**
 * What is a file's in the memory of a process, may not be written, and has not been (a program's table of addresses was, before it was
 * closed to writing: to let go of that would undo it).
 * @param smaps as in proc_pid_smaps(5)
 */
export function unchangedFiles(smaps: string): Mapping[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((entry) => {
    const found = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \S+ +\//.exec(entry);
    if (!found || !/^Private_Dirty: +0 kB$/m.test(entry) || !/^Anonymous: +0 kB$/m.test(entry)) return [];
    const [start, end] = [BigInt(`0x${found[1]}`), BigInt(`0x${found[2]}`)];
    return [{ start, bytes: end - start }];
  });
}
