import { setTimeout as delay } from 'node:timers/promises';
import type { Azora } from '../azora.ts';
import { type Bench, familyOf, type Running, sleepers, withSystems } from '../bench.ts';
import { isAlive, killAll } from '../processes.ts';
import type { Leftovers } from '../result.ts';

/** What becomes of organs when the program that runs them is killed, started again, and stopped. */
export async function killed(bench: Bench): Promise<Leftovers[]> {
  const found: Leftovers[] = [];
  for (const who of bench.contestants) {
    found.push(await each(bench, who.name, who, (folder) => [who.supervisor(folder)]));
  }
  const { azora } = bench;
  const both = (folder: string) => [azora.root(folder), azora.supervisor(folder)];
  found.push(await each(bench, `${azora.name}, its keeper killed as well`, azora, both));
  return found;
}

const ORGANS = 10;
/** For whatever a program does about it by itself. */
const SETTLED_MS = 4_000;

async function each(
  bench: Bench,
  who: string,
  contestant: Azora | Bench['contestants'][number],
  victims: (folder: string) => readonly number[],
): Promise<Leftovers> {
  return withSystems(
    bench,
    [contestant],
    (marks) => sleepers(bench, marks, ORGANS),
    async ([system]) => {
      const { folder } = system!;
      const first = familyOf(contestant, folder);
      const pids = system!.marks.read().map(({ pid }) => pid);
      for (const pid of victims(folder)) process.kill(pid, 'SIGKILL');
      await delay(SETTLED_MS);
      const alive = pids.filter(isAlive).length;
      await contestant.up(folder).catch(() => {}); // what it says is nothing to count
      await delay(SETTLED_MS);
      const running = count(system!);
      await contestant.down(folder).catch(() => {});
      await delay(SETTLED_MS);
      const left = count(system!);
      killAll(first);
      return { kind: 'leftovers', who, of: ORGANS, alive, running, left };
    },
  );
}

const count = ({ marks }: Running): number => marks.read().filter(({ pid }) => isAlive(pid)).length;
