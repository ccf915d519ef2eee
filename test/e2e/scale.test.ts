import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { History } from './rig/history.ts';
import { rig, type System } from './rig.ts';

const COUNT = 147;

/** How long a bare loop of child_process.spawn takes on this machine, now, until all of them run. */
async function bareLoopMs(): Promise<number> {
  const startedAt = performance.now();
  const children: ChildProcess[] = [];
  for (let i = 0; i < COUNT; i++) children.push(spawn('sleep', ['1000'], { stdio: 'ignore' }));
  const tookMs = performance.now() - startedAt; // spawn is synchronous: they all have a pid
  const gone = children.map((child) => once(child, 'exit'));
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(gone);
  return tookMs;
}

async function fastest(times: number, run: () => Promise<number>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) best = Math.min(best, await run());
  return best;
}

async function nodeMs(): Promise<number> {
  const startedAt = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return performance.now() - startedAt;
}

async function boot(system: System): Promise<number> {
  await system.expect(0, ['up', '-d']);
  await system.waitForEvent(({ type }) => type === 'system-ready');
  const started = system.events.filter(({ type }) => type === 'organ-started');
  expect(started).toHaveLength(COUNT);
  return History.between(system.events.find(({ type }) => type === 'system-booting')!, started.at(-1)!);
}

const sleepers = {
  organs: Object.fromEntries(Array.from({ length: COUNT }, (_, i) => [`s${i}`, { command: 'sleep 1000' }])),
};

// Both sides of a comparison are measured here and now; other tests may take the machine away from one of them: three tries.
const options = { retry: 2, timeout: 120_000 };

test(`${COUNT} organs run within twice the time of a bare spawn loop`, options, async () => {
  await using system = await rig.system({ yaml: sleepers });
  const floor = await fastest(3, bareLoopMs);
  const took = await boot(system);
  console.info(`${COUNT} organs run after ${took} ms, a bare loop takes ${floor.toFixed(0)} ms`);
  expect(took).toBeLessThan(2 * floor);
  const { organs } = await system.status();
  expect(new Set(organs.map(({ pid }) => pid)).size).toBe(COUNT);
  expect(organs.every(({ pid }) => pid !== null && system.isAlive(pid))).toBe(true);
  await system.expect(0, ['down']);
  await system.expectNothingLeft();
});

test('status takes three times as long as `node -e 0` at most', options, async () => {
  await using system = await rig.system({ yaml: sleepers });
  await boot(system);
  // In turns, so that both have the same luck with what else the machine does.
  let status = Number.POSITIVE_INFINITY;
  let node = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    status = Math.min(status, (await system.expect(0, ['status'])).durationMs);
    node = Math.min(node, await nodeMs());
  }
  console.info(`status takes ${status.toFixed(0)} ms, node -e 0 takes ${node.toFixed(0)} ms`);
  expect(status).toBeLessThan(3 * node);
});
