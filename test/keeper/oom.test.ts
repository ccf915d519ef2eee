import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { describeExit } from '../../src/core/machine/describe.ts';
import { OomWatch } from '../../src/keeper/oom.ts';

let folder: string;
let counters: string;
let watch: OomWatch | null = null;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  folder = mkdtempSync(join(tmpdir(), 'azora-oom-'));
  counters = join(folder, 'vmstat');
});
afterEach(() => {
  watch?.stop();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const victims = (count: number): void => writeFileSync(counters, `pgfault 7\noom_kill ${count}\nzone_reclaim 0\n`);

test('a kill is put down to a lack of memory if the kernel has had a victim since the last look, and each victim once', () => {
  victims(3);
  watch = new OomWatch(counters);
  expect(watch.struck()).toBe(false);
  victims(4);
  expect(watch.struck()).toBe(true);
  expect(watch.struck()).toBe(false);
  victims(5);
  vi.advanceTimersByTime(10_000); // nobody of ours was killed at that time
  expect(watch.struck()).toBe(false);
});

test.each([
  ['that does not count', () => writeFileSync(counters, 'pgfault 7\n')],
  ['without such counters', () => {}],
])('a machine %s: nothing is put down to it', (_, prepare) => {
  prepare();
  watch = new OomWatch(counters);
  expect(watch.struck()).toBe(false);
});

test('it is said in so many words', () => {
  const exit = { code: null, signal: 'SIGKILL', at: 0, pid: 1, ours: false, oomKilled: true };
  expect(describeExit(exit)).toBe('was killed by SIGKILL: the machine ran out of memory');
});
