import { expect, test } from 'vitest';
import type { Observation } from '../../src/core/health.ts';
import { Watcher } from '../../src/supervisor/watcher.ts';
import { organ, PASS } from '../core/machine/world.ts';
import { VirtualTime } from './virtual-time.ts';

const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 5_000;

/** A monitored instance whose probes answer while `answers` says so, and hang otherwise. */
function monitored({ intervalMs = INTERVAL_MS, timeoutMs = TIMEOUT_MS } = {}) {
  const time = new VirtualTime();
  const seen: Observation[] = [];
  const unheard: number[] = [];
  const rig = { time, seen, unheard, answers: true, release: (): void => {} };
  const watcher = new Watcher(time, (_probe, _expect, _target, _timeoutMs, signal) => {
    const passed = { ...PASS, verdict: 'pass' as const };
    if (rig.answers) return Promise.resolve(passed);
    return new Promise((resolve) => {
      rig.release = () => resolve(passed);
      signal?.addEventListener('abort', () => resolve(passed));
    });
  });
  const health = { ...organ('web').health, intervalMs, timeoutMs };
  const watched = {
    ...{ instance: 'web', health, endpoint: undefined, place: { endpointOf: () => undefined, cwd: '/', env: {} } },
    onObservation: (observation: Observation) => void seen.push(observation),
    onUnheard: (forMs: number) => void unheard.push(forMs),
  };
  watcher.monitor(watched);
  return Object.assign(rig, { watcher });
}

/** Lets time pass as it does for somebody who is awake. */
const awake = (time: VirtualTime, ms: number) => time.pass(ms);

test('while checks come to an end nothing is stale', async () => {
  const { time, seen, unheard } = monitored();
  await awake(time, 10 * INTERVAL_MS);
  expect(seen).toHaveLength(10);
  expect(unheard).toEqual([]);
});

test('a check that never ends is said once, after two intervals and a timeout, and again only after an answer', async () => {
  const rig = monitored();
  rig.answers = false;
  await awake(rig.time, 2 * INTERVAL_MS + TIMEOUT_MS);
  expect(rig.unheard).toEqual([]);
  await awake(rig.time, 2000);
  expect(rig.unheard).toHaveLength(1);
  expect(rig.unheard[0]).toBeGreaterThan(2 * INTERVAL_MS + TIMEOUT_MS);
  await awake(rig.time, 20 * INTERVAL_MS);
  expect(rig.unheard).toHaveLength(1);

  rig.release();
  await awake(rig.time, 0);
  expect(rig.seen).toHaveLength(1);
  await awake(rig.time, 4 * INTERVAL_MS);
  expect(rig.unheard).toHaveLength(2);
});

test('time in which azora did not run is not held against it', async () => {
  const rig = monitored();
  await awake(rig.time, INTERVAL_MS);
  await rig.time.sleepThrough(24 * 3_600_000);
  await awake(rig.time, INTERVAL_MS);
  expect(rig.unheard).toEqual([]);
});

test('nor is it with the shortest of intervals, however often it stands still', async () => {
  const rig = monitored({ intervalMs: 100, timeoutMs: 200 });
  for (const pause of [1300, 1900, 2500, 60_000, 86_400_000]) {
    await awake(rig.time, 777);
    await rig.time.sleepThrough(pause);
  }
  await awake(rig.time, 5000);
  expect(rig.unheard).toEqual([]);
  rig.answers = false;
  await awake(rig.time, 5000);
  expect(rig.unheard).toHaveLength(1);
});

test('one that is not watched any more is neither asked nor missed, and its late answer is dropped', async () => {
  const rig = monitored();
  rig.answers = false;
  await awake(rig.time, INTERVAL_MS);
  rig.watcher.unwatch('web');
  await awake(rig.time, 10 * INTERVAL_MS);
  expect([rig.seen, rig.unheard]).toEqual([[], []]);
  expect(rig.time.pending, 'no timer is left').toBe(0);
});
