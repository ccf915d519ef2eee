import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessFound {
  readonly pid: number;
  readonly command: string;
}

/** Every live process (zombies are none) whose environment holds `mark` (`NAME=value`), this one excepted. */
export function processesWith(mark: string): ProcessFound[] {
  return (process.platform === 'linux' ? fromProc(mark) : fromPs(mark)).filter(({ pid }) => pid !== process.pid);
}

function fromProc(mark: string): ProcessFound[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const environment = readFileSync(`/proc/${entry}/environ`, 'latin1').split('\0');
      if (!environment.includes(mark) || !isAlive(Number(entry))) return [];
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return [{ pid: Number(entry), command }];
    } catch {
      return []; // ended meanwhile, or another user's
    }
  });
}

function fromPs(mark: string): ProcessFound[] {
  const lines = execFileSync('ps', ['-axEww', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
  return lines
    .filter((line) => line.includes(mark))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().slice(0, 200) }));
}

/** Whether a process lives. A zombie does not: it only waits to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  if (process.platform !== 'linux') return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

/** SIGKILLs all who carry the mark, and whom they have forked meanwhile, until none is left. Answers whom it met. */
export async function killAllWith(mark: string): Promise<ProcessFound[]> {
  const met = new Map<number, ProcessFound>();
  for (let round = 0; round < 200; round++) {
    const left = processesWith(mark);
    if (left.length === 0) return [...met.values()];
    for (const found of left) {
      met.set(found.pid, found);
      try {
        process.kill(found.pid, 'SIGKILL');
      } catch {
        // It has ended between the two lines.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 10)); // a killed process takes a moment to die
  }
  throw new Error(`cannot be killed: ${[...met.values()].map(({ pid, command }) => `${pid} ${command}`).join(', ')}`);
}
