import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, COUNT, familyOf, type Running, sleepers, Turns, withSystems } from '../bench.ts';
import { cpuMs, pssMb } from '../costs.ts';
import type { Result } from '../result.ts';

/** What all of a program's own processes cost while nothing happens. All of them are measured in the same seconds. */
export async function idle(bench: Bench): Promise<Result[]> {
  if (process.platform !== 'linux') return [];
  const seconds = bench.quick ? 10 : 30;
  return withSystems(
    bench,
    bench.contestants,
    (marks) => sleepers(bench, marks, COUNT),
    async (systems) => {
      const [memory, cpu] = [new Turns(), new Turns()];
      await delay(bench.quick ? 5_000 : 15_000); // what a boot leaves to be done
      const daemons = systems.map((system) => ({ name: system.who.name, pids: daemonsOf(system) }));
      for (let round = 0; round < (bench.quick ? 1 : 2); round++) {
        const before = daemons.map(({ pids }) => sum(pids, cpuMs));
        await delay(seconds * 1000);
        for (const [at, { name, pids }] of daemons.entries()) {
          cpu.add(name, (sum(pids, cpuMs) - before[at]!) * (30 / seconds));
        }
      }
      for (const { name, pids } of daemons) memory.add(name, sum(pids, pssMb));
      return [
        {
          what: `supervisor and keeper together, ${COUNT} organs that sleep: memory (PSS)`,
          short: 'idle memory',
          unit: 'MB',
          ...memory.of(bench),
          goal: { most: 70 },
        },
        { what: 'the same: CPU in 30 s', short: 'idle CPU', unit: 'ms of CPU', ...cpu.of(bench), goal: { most: 15 } },
      ];
    },
  );
}

function daemonsOf({ who, folder, marks }: Running): number[] {
  const organs = new Set(marks.read().map(({ pid }) => pid));
  return familyOf(who, folder)
    .map(({ pid }) => pid)
    .filter((pid) => !organs.has(pid));
}

const sum = (pids: readonly number[], of: (pid: number) => number): number =>
  pids.reduce((total, pid) => total + of(pid), 0);
