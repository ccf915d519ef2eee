import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, C_LOOP, fresh, sleepers, Turns, withSystems } from '../bench.ts';
import { Marks } from '../marks.ts';
import type { Result } from '../result.ts';
import { cAgain, killAndAwait } from '../yardsticks.ts';

/** Some put off starting what has lived for less than a second: nobody is killed before. */
const LIFE_MS = 1_100;

export function restart(bench: Bench): Promise<Result[]> {
  const lives = bench.quick ? 4 : 15;
  const who = bench.contestants.filter(({ restarts }) => restarts);
  return withSystems(
    bench,
    who,
    (marks) => sleepers(bench, marks, 1),
    async (systems) => {
      const turns = new Turns();
      const floorMarks = new Marks(fresh(bench));
      const floor = cAgain(bench.marker, floorMarks, lives + 1);
      for (let life = 1; life <= lives; life++) {
        await delay(LIFE_MS);
        // Whoever comes first after the pause finds a machine that sleeps: each in its turn.
        const first = life % systems.length;
        for (const { who, marks } of [...systems.slice(first), ...systems.slice(0, first)]) {
          turns.add(who.name, await killAndAwait(marks, life));
        }
        if (floor) turns.add(C_LOOP, await killAndAwait(floorMarks, life));
      }
      await floor?.end();
      return [
        {
          what: 'an organ is killed → its successor runs (`restart.delay: 0s`)',
          short: 'restart',
          unit: 'ms',
          ...turns.of(bench),
          goal: { most: 5 },
        },
      ];
    },
  );
}
