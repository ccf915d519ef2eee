import { type Bench, COUNT, NODE, type Running, sleepers, Turns, withSystems } from '../bench.ts';
import { now } from '../marks.ts';
import type { Result } from '../result.ts';
import { nodeMs } from '../yardsticks.ts';

/** How long it takes to be shown all organs. */
export function status(bench: Bench): Promise<Result[]> {
  return withSystems(
    bench,
    bench.contestants.filter((contestant) => contestant.status),
    (marks) => sleepers(bench, marks, COUNT),
    async (systems) => {
      return [
        {
          what: `\`azora status\`, ${COUNT} organs`,
          short: 'status',
          unit: 'ms',
          ...(await statusTimes(bench, systems)),
          goal: { times: 1.3, of: NODE },
        },
      ];
    },
  );
}

export async function statusTimes(
  bench: Bench,
  systems: readonly Pick<Running, 'who' | 'folder'>[],
): Promise<Pick<Result, 'azora' | 'beside'>> {
  const turns = new Turns();
  for (let round = 0; round < (bench.quick ? 10 : 40); round++) {
    for (const { who, folder } of systems) {
      if (!who.name.startsWith('azora') && round >= 10) continue;
      const startedAt = now();
      await who.status!(folder);
      turns.add(who.name, now() - startedAt);
    }
    turns.add(NODE, await nodeMs());
  }
  return turns.of(bench);
}
