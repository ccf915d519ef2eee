/**
 * The keeper's figures: `node test/keeper/measure.ts`. Compares within one run, since only ratios travel from machine to machine.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS, Rig } from './rig.ts';

const N = 147;
const ROUNDS = 5;
const MB = 1_000_000;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const show = (what: string, values: readonly number[], unit = 'ms'): void =>
  console.log(
    `${what.padEnd(44)} median ${median(values).toFixed(0)} ${unit} (${values.map((v) => v.toFixed(0)).join(' ')})`,
  );

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function rssMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1000;
}
const peakMb = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1000;

async function bareLoop(): Promise<number> {
  const begin = performance.now();
  const children = Array.from({ length: N }, () => spawn('sleep', ['300'], { stdio: 'ignore', detached: true }));
  const took = performance.now() - begin;
  await Promise.all(
    children.map((child) => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      return gone;
    }),
  );
  return took;
}

async function keeperLoop(rig: Rig, round: number): Promise<{ up: number; down: number }> {
  const begin = performance.now();
  const lives = await Promise.all(
    Array.from({ length: N }, (_, i) => rig.run(['sleep', '300'], { instance: `s-${round}-${i}`, organ: `s-${i}` })),
  );
  const up = performance.now() - begin;
  await pause(500); // let it finish what it does beside: the log files
  const stop = performance.now();
  await Promise.all(
    lives.map(async (life) => {
      await rig.channel.request('signal', { ...life, signal: 'SIGTERM' });
      await rig.channel.request('awaitTreeGone', { ...life, timeoutMs: 10_000 });
    }),
  );
  const down = performance.now() - stop;
  await rig.channel.request('forget', { lives });
  await pause(500);
  return { up, down };
}

console.log(`${N} sleepers`);
const bare: number[] = [];
for (let i = 0; i < ROUNDS; i++) bare.push(await bareLoop());
show('child_process.spawn, bare loop', bare);
for (const spawner of ['posix_spawn', 'child_process']) {
  const rig = await Rig.start({ AZORA_SPAWNER: spawner });
  const [up, down]: [number[], number[]] = [[], []];
  console.log(`  keeper's memory: ${rssMb(rig.info.pid).toFixed(0)} MB before`);
  for (let i = 0; i < ROUNDS; i++) {
    const times = await keeperLoop(rig, i);
    up.push(times.up);
    down.push(times.down);
  }
  show(`keeper, ${spawner}, all answered`, up);
  show(`keeper, ${spawner}, all stopped`, down);
  console.log(`  keeper's memory: ${rssMb(rig.info.pid).toFixed(0)} MB after ${N * ROUNDS} lives`);
  await rig.end();
}

console.log('\n500 MB from one organ (head -c of /dev/zero, 64 KiB a write)');
const flood = ['head', '-c', String(500 * MB), '/dev/zero'] as const;
const rig = await Rig.start();
const limits = { ...LIMITS, maxSize: 2000 * MB };
for (let i = 0; i < 3; i++) {
  const path = join(rig.folder.root, 'direct');
  const file = openSync(path, 'w');
  let begin = performance.now();
  await once(spawn(flood[0], flood.slice(1), { stdio: ['ignore', file, 'ignore'] }), 'exit');
  const direct = performance.now() - begin;
  closeSync(file);
  rmSync(path);
  const before = rssMb(rig.info.pid);
  begin = performance.now();
  const life = await rig.run(flood, { logs: limits });
  await rig.exitOf(life);
  const took = performance.now() - begin;
  const size = statSync(join(rig.folder.logs, 'mint', 'mint.out.log')).size;
  const index = statSync(join(rig.folder.logs, 'mint', 'mint.out.idx')).size;
  console.log(
    `direct to a file ${direct.toFixed(0)} ms, through the keeper ${took.toFixed(0)} ms; ${size} bytes kept of ${500 * MB * (i + 1)}, index ${index} bytes; memory ${before.toFixed(0)} -> ${rssMb(rig.info.pid).toFixed(0)} MB, peak ${peakMb(rig.info.pid).toFixed(0)} MB`,
  );
}

console.log('\n20 organs that flood at once, 25 MB each, rotated at 10 MB and compressed');
{
  const begin = performance.now();
  const lives = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      rig.run(['head', '-c', String(25 * MB), '/dev/zero'], {
        instance: `f-${i}`,
        organ: `f-${i}`,
        logs: { ...LIMITS, compress: 'zstd' },
      }),
    ),
  );
  let answered = 0;
  let slowest = 0;
  let running = true;
  const ping = (async () => {
    while (running) {
      const asked = performance.now();
      await rig.channel.request('lives', null);
      slowest = Math.max(slowest, performance.now() - asked);
      answered++;
    }
  })();
  const ends = await Promise.all(
    lives.map(async (life) => {
      await rig.exitOf(life);
      return performance.now() - begin;
    }),
  );
  running = false;
  await ping;
  show(
    'ended after',
    ends.sort((a, b) => a - b),
  );
  console.log(
    `meanwhile ${answered} requests answered, the slowest in ${slowest.toFixed(0)} ms; peak ${peakMb(rig.info.pid).toFixed(0)} MB`,
  );
}
await rig.end();
