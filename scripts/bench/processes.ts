import { readFileSync } from 'node:fs';

/** Processes as Linux shows them. */

interface Process {
  readonly pid: number;
  /** Together with the pid it is nobody else's. */
  readonly startTime: string;
}

function look(pid: number): (Process & { readonly state: string }) | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, startTime: fields[19]!, state: fields[0]! };
  } catch {
    return null; // it is gone
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // What nobody has waited for yet is as good as gone; without /proc nothing is known of that.
  return process.platform !== 'linux' || !['Z', 'X', undefined].includes(look(pid)?.state);
}

/** A process and all that descend from it. */
export function family(root: number): Process[] {
  const found: Process[] = [];
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    const process = look(pid);
    if (!process) continue;
    found.push(process);
    open.push(...childrenOf(pid));
  }
  return found;
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // it is gone
  }
}

/** Ends what still lives of these. */
export function killAll(processes: readonly Process[]): void {
  for (const { pid, startTime } of processes) {
    if (look(pid)?.startTime === startTime) process.kill(pid, 'SIGKILL');
  }
}
