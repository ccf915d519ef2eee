import type { Azora } from '../azora.ts';
import { type Bench, COUNT, NODE, sleepers, Turns, withSystems } from '../bench.ts';
import { now } from '../marks.ts';
import type { Result } from '../result.ts';
import { nodeMs } from '../yardsticks.ts';

/** A supervisor dies, and the next one knows all that it knew. */
export function takeover(bench: Bench): Promise<Result[]> {
  const { azora } = bench;
  return withSystems(
    bench,
    [azora],
    (marks) => sleepers(bench, marks, COUNT),
    async ([system]) => {
      const { folder } = system!;
      const turns = new Turns();
      for (let round = 0; round < (bench.quick ? 2 : 4); round++) {
        const before = azora.supervisor(folder);
        const killedAt = now();
        process.kill(before, 'SIGKILL');
        await untilAllAreUp(azora, folder, before);
        turns.add(azora.name, now() - killedAt);
        for (let i = 0; i < 3; i++) turns.add(NODE, await nodeMs());
      }
      return [
        {
          what: `the supervisor is killed (-9) → \`azora status\` of its successor shows all ${COUNT} organs as before`,
          short: 'take-over',
          unit: 'ms',
          ...turns.of(bench),
          goal: { times: 10, of: NODE },
        },
      ];
    },
  );
}

async function untilAllAreUp(azora: Azora, folder: string, before: number): Promise<void> {
  for (const deadline = now() + 30_000; now() < deadline; ) {
    // A command of that very moment may find nobody: asked again.
    const text = await azora.run(folder, ['status', '--json']).catch(() => null);
    if (text === null) continue;
    const { system, organs } = JSON.parse(text) as { system: { pid: number }; organs: { state: string }[] };
    if (system.pid !== before && organs.length === COUNT && organs.every(({ state }) => state === 'ready')) return;
  }
  throw new Error('no supervisor took over within 30 s');
}
