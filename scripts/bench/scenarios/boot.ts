import {
  allGone,
  type Bench,
  C_LOOP,
  COUNT,
  end,
  fresh,
  LEVELS,
  NODE_LOOP,
  prepare,
  type Running,
  sleepers,
  Turns,
} from '../bench.ts';
import type { Contestant } from '../contestant.ts';
import { now } from '../marks.ts';
import type { Result } from '../result.ts';
import { cLoop, nodeLoop } from '../yardsticks.ts';

/** From the typed command to the last organ, and back. */

export const boot = (bench: Bench): Promise<Result[]> =>
  bootAndStop(bench, { shape: 'no dependencies', short: `boot ${COUNT}`, times: 4, needs: () => [] });

export const levels = (bench: Bench): Promise<Result[]> =>
  bootAndStop(bench, {
    shape: `${LEVELS} levels of dependencies`,
    short: `boot ${LEVELS} levels`,
    times: 5,
    needs: needsOfLevel,
  });

/** Each organ needs the two of the level before that stand beside it. */
function needsOfLevel(index: number): string[] {
  const width = COUNT / LEVELS;
  if (index < width) return [];
  const start = index - (index % width) - width;
  return [index, index + 1].map((each) => `o${start + (each % width)}`);
}

interface Shape {
  readonly shape: string;
  readonly short: string;
  /** How many times what the loop in C takes it may take. */
  readonly times: number;
  readonly needs: (index: number) => string[];
}

async function bootAndStop(bench: Bench, { shape, short, times, needs }: Shape): Promise<Result[]> {
  const [firsts, boots, stops] = [new Turns(), new Turns(), new Turns()];
  const ordered = needs(COUNT - 1).length > 0;
  const rounds = bench.quick ? 3 : 7;
  for (let round = 0; round <= rounds; round++) {
    const add = (who: string, { firstMs, bootMs, stopMs }: Times): void => {
      if (round === 0) return; // warms caches
      if (firstMs !== null) firsts.add(who, firstMs);
      boots.add(who, bootMs);
      stops.add(who, stopMs);
    };
    for (const contestant of bench.contestants) {
      if (ordered && !contestant.order) continue;
      // Some of the others take many seconds a round, and are far from any goal.
      const turn = contestant.name.startsWith('azora') || (round >= 1 && round <= (bench.quick ? 1 : 3));
      if (!turn) continue;
      add(contestant.name, await once(bench, contestant, needs));
    }
    const floor = await cLoop(bench.marker, fresh(bench), COUNT);
    if (floor) add(C_LOOP, { ...floor, firstMs: floor.bootMs });
    const loop = await nodeLoop(bench.marker, fresh(bench), COUNT);
    add(NODE_LOOP, { ...loop, firstMs: loop.bootMs });
  }
  return [
    {
      what: `\`azora up -d\` typed → ${COUNT} organs run, ${shape}`,
      short,
      unit: 'ms',
      ...boots.of(bench),
      goal: { times, of: C_LOOP },
    },
    {
      what: `the same in a folder that was never booted: azora.yaml is not known, the database is not there`,
      short: `first ${short}`,
      unit: 'ms',
      ...firsts.of(bench),
      goal: { times, of: C_LOOP },
    },
    {
      what: `\`azora down\` typed → nothing of them is left, ${shape}`,
      short: ordered ? `stop ${LEVELS} levels` : `stop ${COUNT}`,
      unit: 'ms',
      ...stops.of(bench),
      goal: { most: 100 },
    },
  ];
}

interface Times {
  /** From the start of the command until the last organ runs, the first time in this folder; null: it makes no difference to this one. */
  readonly firstMs: number | null;
  /** The same, in a folder that was booted before. */
  readonly bootMs: number;
  /** From the start of the command until it has returned and no organ lives. */
  readonly stopMs: number;
}

async function once(bench: Bench, who: Contestant, needs: (index: number) => string[]): Promise<Times> {
  const system = prepare(bench, who, (marks) => sleepers(bench, marks, COUNT, needs));
  try {
    if (!who.remembers) return { firstMs: null, ...(await upAndDown(system)) };
    const { bootMs: firstMs } = await upAndDown(system);
    system.marks.forget();
    return { firstMs, ...(await upAndDown(system)) };
  } finally {
    await end(system);
  }
}

async function upAndDown({ who, folder, marks }: Running): Promise<Omit<Times, 'firstMs'>> {
  const startedAt = now();
  const [seen] = await Promise.all([marks.atLeast(COUNT), who.up(folder)]);
  const stoppedAt = now();
  await who.down(folder);
  const pids = seen.map(({ pid }) => pid);
  if (!(await allGone(pids, 60_000))) throw new Error(`${who.name}: organs live a minute after it was stopped`);
  return { bootMs: seen.at(-1)!.at - startedAt, stopMs: now() - stoppedAt };
}
