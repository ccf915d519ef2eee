import { readdirSync, readFileSync } from 'node:fs';

/** What a process costs the machine. From /proc: Linux only. */

/** CPU time of all threads so far, ms; the scheduler counts it in nanoseconds. */
export function cpuMs(pid: number): number {
  const folder = `/proc/${pid}/task`;
  const nanoseconds = readdirSync(folder).map((task) =>
    Number(readFileSync(`${folder}/${task}/schedstat`, 'latin1').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6;
}

/** Memory, with what is shared counted in part (PSS), MB. */
export function pssMb(pid: number): number {
  const line = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
  if (!line) throw new Error(`/proc/${pid}/smaps_rollup says nothing of Pss`);
  return Number(line[1]) / 1024;
}
