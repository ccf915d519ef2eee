import { createReadStream, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Azora, bootAndStop, type Contestant, type Organs, PEERS } from './contestant.ts';
import { cpuMs, pssMb } from './costs.ts';
import type { Marker } from './marker.ts';
import { Marks, now } from './marks.ts';
import type { Result, Series } from './result.ts';
import { cAgain, cLoop, directWrites, killAndAwait, nodeLoop, nodeMs } from './yardsticks.ts';

/** The measurements. What is compared is measured in turns, A B A B, so that all have the same luck with the machine. */

export interface Bench {
  readonly azora: Azora;
  readonly marker: Marker;
  /** A folder of this run. */
  readonly folder: string;
  readonly quick: boolean;
}

export type Scenario = (bench: Bench) => Promise<Result[]>;

const COUNT = 147;
const LEVELS = 7;
const C_LOOP = 'a posix_spawn loop in C';
const NODE_LOOP = 'a spawn loop in Node';
const NODE = '`node -e 0`';
const DIRECT = 'the children writing to files themselves';

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  boot: (bench) => bootOf(bench, 'no dependencies', () => [], 4),
  levels: (bench) => bootOf(bench, `${LEVELS} levels of dependencies`, needsOfLevel, 5),
  restart,
  status,
  takeover,
  idle,
  probes,
  log: (bench) => logs(bench, 1, bench.quick ? 100e6 : 500e6, 1.6),
  logs: (bench) => logs(bench, 20, bench.quick ? 5e6 : 25e6, 4),
};

/** Each organ needs the two of the level before that stand beside it. */
function needsOfLevel(index: number): string[] {
  const width = COUNT / LEVELS;
  if (index < width) return [];
  const start = index - (index % width) - width;
  return [index, index + 1].map((each) => `o${start + (each % width)}`);
}

function organsOf(bench: Bench, marks: Marks, needs: (index: number) => string[]): Organs {
  const command = [bench.marker.path, 'run', marks.path];
  return Object.fromEntries(Array.from({ length: COUNT }, (_, i) => [`o${i}`, { command, needs: needs(i) }]));
}

async function bootOf(
  bench: Bench,
  shape: string,
  needs: (index: number) => string[],
  goal: number,
): Promise<Result[]> {
  const contestants: Contestant[] = [bench.azora, ...PEERS.filter((peer) => peer.version() !== null)];
  const times = new Map<string, { boot: number[]; stop: number[] }>();
  const add = (who: string, round: number, { bootMs, stopMs }: { bootMs: number; stopMs: number }): void => {
    if (round === 0) return; // warms caches
    const { boot, stop } = times.get(who) ?? { boot: [], stop: [] };
    times.set(who, { boot: [...boot, bootMs], stop: [...stop, stopMs] });
  };
  for (let round = 0; round <= (bench.quick ? 3 : 11); round++) {
    for (const contestant of contestants) {
      const folder = fresh(bench);
      const marks = new Marks(folder);
      contestant.prepare(folder, organsOf(bench, marks, needs));
      add(contestant.name, round, await bootAndStop(contestant, folder, marks, COUNT));
      rmSync(folder, { recursive: true });
    }
    const floor = await cLoop(bench.marker, fresh(bench), COUNT);
    if (floor) add(C_LOOP, round, floor);
    add(NODE_LOOP, round, await nodeLoop(bench.marker, fresh(bench), COUNT));
  }
  const series = (of: 'boot' | 'stop'): Series[] => [...times].map(([who, each]) => ({ who, values: each[of] }));
  const result = (what: string, all: readonly Series[], limit: Result['goal']): Result => ({
    what,
    unit: 'ms',
    azora: all.find(({ who }) => who === bench.azora.name)!.values,
    beside: all.filter(({ who }) => who !== bench.azora.name),
    goal: limit,
  });
  return [
    result(`\`azora up -d\` typed → ${COUNT} organs run, ${shape}`, series('boot'), { times: goal, of: C_LOOP }),
    result(`\`azora down\` typed → nothing of them is left, ${shape}`, series('stop'), { most: 100 }),
  ];
}

async function restart(bench: Bench): Promise<Result[]> {
  const lives = bench.quick ? 10 : 40;
  const folder = fresh(bench);
  const marks = new Marks(folder);
  const policy = { policy: 'always', delay: '0s', jitter: 0, limit: 1000 };
  const command = [bench.marker.path, 'run', marks.path];
  bench.azora.write(folder, { organs: { phoenix: { command, restart: policy } } });
  return withSystem(bench, folder, async () => {
    const times: number[] = [];
    for (let life = 1; life <= lives; life++) times.push(await killAndAwait(marks, life));
    const floor = await cAgain(bench.marker, fresh(bench), lives);
    return [
      {
        what: 'an organ is killed → its successor runs (`restart.delay: 0s`)',
        unit: 'ms',
        azora: times,
        beside: floor ? [{ who: C_LOOP, values: floor }] : [],
        goal: { most: 5 },
      },
    ];
  });
}

/** A running system of 147 that sleep. */
async function withSleepers<T>(bench: Bench, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = fresh(bench);
  const marks = new Marks(folder);
  bench.azora.prepare(
    folder,
    organsOf(bench, marks, () => []),
  );
  return withSystem(bench, folder, () => use(folder));
}

async function status(bench: Bench): Promise<Result[]> {
  return withSleepers(bench, async (folder) => {
    return [{ ...(await statusTimes(bench, folder)), what: `\`azora status\`, ${COUNT} organs` }];
  });
}

async function statusTimes(bench: Bench, folder: string): Promise<Omit<Result, 'what'>> {
  const [times, node]: [number[], number[]] = [[], []];
  for (let round = 0; round < (bench.quick ? 10 : 40); round++) {
    const startedAt = now();
    await bench.azora.run(folder, ['status']);
    times.push(now() - startedAt);
    node.push(await nodeMs());
  }
  return { unit: 'ms', azora: times, beside: [{ who: NODE, values: node }], goal: { times: 3, of: NODE } };
}

async function takeover(bench: Bench): Promise<Result[]> {
  return withSleepers(bench, async (folder) => {
    const [times, node]: [number[], number[]] = [[], []];
    for (let round = 0; round < (bench.quick ? 2 : 4); round++) {
      const { supervisor } = bench.azora.daemons(folder);
      const killedAt = now();
      process.kill(supervisor, 'SIGKILL');
      await untilAllAreUp(bench, folder, supervisor);
      times.push(now() - killedAt);
      for (let i = 0; i < 3; i++) node.push(await nodeMs());
    }
    return [
      {
        what: `the supervisor is killed (-9) → \`azora status\` of its successor shows all ${COUNT} organs as before`,
        unit: 'ms',
        azora: times,
        beside: [{ who: NODE, values: node }],
        goal: { times: 10, of: NODE },
      },
    ];
  });
}

async function untilAllAreUp(bench: Bench, folder: string, before: number): Promise<void> {
  for (const deadline = now() + 30_000; now() < deadline; ) {
    // A command of that very moment may find nobody: asked again.
    const text = await bench.azora.run(folder, ['status', '--json']).catch(() => null);
    if (text === null) continue;
    const { system, organs } = JSON.parse(text) as { system: { pid: number }; organs: { state: string }[] };
    if (system.pid !== before && organs.length === COUNT && organs.every(({ state }) => state === 'ready')) return;
  }
  throw new Error('no supervisor took over within 30 s');
}

async function idle(bench: Bench): Promise<Result[]> {
  if (process.platform !== 'linux') return [];
  const seconds = bench.quick ? 10 : 30;
  return withSleepers(bench, async (folder) => {
    const daemons = Object.values(bench.azora.daemons(folder));
    const sum = (of: (pid: number) => number) => daemons.reduce((total, pid) => total + of(pid), 0);
    await delay(bench.quick ? 5_000 : 15_000); // what a boot leaves to be done
    const cpu: number[] = [];
    for (let round = 0; round < (bench.quick ? 1 : 2); round++) {
      const before = sum(cpuMs);
      await delay(seconds * 1000);
      cpu.push((sum(cpuMs) - before) * (30 / seconds));
    }
    return [
      {
        what: `supervisor and keeper together, ${COUNT} organs that sleep: memory (PSS)`,
        unit: 'MB',
        azora: [sum(pssMb)],
        beside: [],
        goal: { most: 70 },
      },
      { what: 'the same: CPU in 30 s', unit: 'ms of CPU', azora: cpu, beside: [], goal: { most: 15 } },
    ];
  });
}

/** 5 % of a core, shared by the probes of 1000 organs in 30 s. */
const MOST_PER_PROBE_US = 1500;

async function probes(bench: Bench): Promise<Result[]> {
  if (process.platform !== 'linux') return [];
  const count = bench.quick ? 200 : 1000;
  const [intervalS, seconds] = bench.quick ? [2, 10] : [10, 40];
  let answered = 0;
  const server = createServer((_, response) => {
    answered++;
    response.end('{"status":"healthy"}');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address() as { port: number };
  const folder = fresh(bench);
  const marks = new Marks(folder);
  const organ = {
    command: [bench.marker.path, 'run', marks.path],
    health: { http: `http://127.0.0.1:${address.port}/`, interval: `${intervalS}s` },
  };
  bench.azora.write(folder, {
    organs: Object.fromEntries(Array.from({ length: count }, (_, i) => [`o${i}`, organ])),
  });
  try {
    return await withSystem(bench, folder, async () => {
      const { supervisor } = bench.azora.daemons(folder);
      await delay(intervalS * 1000);
      const [cpu, asked] = [cpuMs(supervisor), answered];
      await delay(seconds * 1000);
      const perProbe = ((cpuMs(supervisor) - cpu) / (answered - asked)) * 1000;
      const statuses = await statusTimes(bench, folder);
      return [
        { ...statuses, what: `\`azora status\`, ${count} organs that are probed meanwhile` },
        {
          what: `one HTTP probe, ${count} organs probed every ${intervalS} s: CPU of the supervisor, with all that follows from the answer`,
          unit: 'µs of CPU',
          azora: [perProbe],
          beside: [],
          goal: { most: MOST_PER_PROBE_US },
          note: `${MOST_PER_PROBE_US} µs are 5 % of a core for 1000 probes every 30 s; the organs' processes are real, one server answers for all`,
        },
      ];
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function logs(bench: Bench, writers: number, bytes: number, goal: number): Promise<Result[]> {
  const [times, direct]: [number[], number[]] = [[], []];
  let damaged = 0;
  for (let round = 0; round < (bench.quick ? 2 : 5); round++) {
    direct.push(await directWrites(bench.marker, fresh(bench), writers, bytes));
    const folder = fresh(bench);
    const marks = new Marks(folder);
    const organ = {
      kind: 'task',
      command: [bench.marker.path, 'flood', marks.path, String(bytes)],
      logs: { max_size: '2GB' },
    };
    const names = Array.from({ length: writers }, (_, i) => `o${i}`);
    bench.azora.write(folder, { organs: Object.fromEntries(names.map((name) => [name, organ])) });
    await withSystem(bench, folder, async () => {
      const files = names.map((name) => bench.azora.log(folder, name));
      const written = await Promise.all(files.map((file) => whenAsLarge(file, bytes)));
      times.push(Math.max(...written) - Math.min(...marks.read().map(({ at }) => at)));
      if (round === 0) for (const file of files) damaged += await damagedLines(file, bytes);
    });
  }
  const size = `${bytes / 1e6} MB`;
  return [
    {
      what: `${writers === 1 ? 'one organ writes' : `${writers} organs write`} ${size}${writers === 1 ? '' : ' each'} → all of it is in the log`,
      unit: 'ms',
      azora: times,
      beside: [{ who: DIRECT, values: direct }],
      goal: { times: goal, of: DIRECT },
      note: `${damaged} lines damaged or lost`,
    },
  ];
}

/** Resolves with the time at which the file was last written, once it has all its bytes. */
async function whenAsLarge(file: string, bytes: number): Promise<number> {
  for (const deadline = now() + 120_000; now() < deadline; await delay(2)) {
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat && stat.size >= bytes) return stat.mtimeMs;
  }
  throw new Error(`${file} has not got its ${bytes} bytes within 120 s`);
}

/** Lines that are not what was written in their place, and those that are missing. */
async function damagedLines(file: string, bytes: number): Promise<number> {
  const filler = 'x'.repeat(86);
  let [number, damaged, rest] = [0, 0, ''];
  for await (const chunk of createReadStream(file, { encoding: 'latin1', highWaterMark: 1 << 20 })) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line !== `${String(number++).padStart(12, '0')} ${filler}`) damaged++;
  }
  return damaged + Math.max(0, Math.floor(bytes / 100) - number);
}

function fresh({ folder }: Bench): string {
  mkdirSync(folder, { recursive: true });
  return mkdtempSync(join(folder, 's-'));
}

/** Boots the system in `folder`, and leaves nothing of it. */
async function withSystem<T>({ azora }: Bench, folder: string, use: () => Promise<T>): Promise<T> {
  try {
    await azora.up(folder);
    return await use();
  } finally {
    await azora.down(folder);
    rmSync(folder, { recursive: true });
  }
}
