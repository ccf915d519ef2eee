/**
 * Kills the process group that `leader` led. Only to be called while the leader runs or right after it has been reaped: a
 * group keeps its number from being given to another process for as long as it has members, and a process that has this number
 * now, after the leader's end, is a stranger's, whose group is left alone.
 */
export function killGroup(leader: number, leaderHasEnded: boolean): void {
  if (leaderHasEnded && isAlive(leader)) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // ESRCH: nothing is left of it, as wanted. EPERM: its members changed their user, and are beyond us.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

let running: Promise<void> = Promise.resolve();
let next: { readonly marks: string[]; readonly done: Promise<void> } | undefined;

/**
 * Kills every process whose environment holds `mark` (`NAME=value`), wherever it has moved to. Needs /proc; elsewhere it does
 * nothing. One search runs at a time, and all who come meanwhile share the next.
 */
export function killMarked(mark: string): Promise<void> {
  if (process.platform !== 'linux') return Promise.resolve();
  if (!next) {
    const marks: string[] = [];
    const done = running.then(() => {
      next = undefined;
      return sweep(marks);
    });
    next = { marks, done };
    running = done;
  }
  next.marks.push(mark);
  return next.done;
}

/** Until a scan finds nobody: what is killed may have forked meanwhile. */
async function sweep(marks: readonly string[]): Promise<void> {
  const { readdir, readFile } = await import('node:fs/promises');
  for (let round = 0; round < 5; round++) {
    let found = 0;
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
      // Another user's process, or one that has ended: not ours.
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      if (!marks.some((mark) => `\0${environment}`.includes(`\0${mark}\0`))) continue;
      found++;
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It has ended by itself between the two lines.
      }
    }
    if (found === 0) return;
  }
}
