import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { stateFolder } from '../../src/adapters/state-folder.ts';
import type { SpawnOutcome, SpawnPlan } from '../../src/keeper/spawner.ts';
import { SupervisorProcess } from '../../src/keeper/supervisor-process.ts';

let root: string;
let plans: SpawnPlan[];
let goodbyes: number;
let reports: string[];
let outcome: SpawnOutcome | null;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  root = mkdtempSync(join(tmpdir(), 'azora-keeper-supervisor-'));
  mkdirSync(join(root, 'run'));
  [plans, goodbyes, reports, outcome] = [[], 0, [], null];
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(root, { recursive: true });
});

const create = (starts = true) =>
  new SupervisorProcess({
    folder: stateFolder(root),
    starts,
    report: (message) => reports.push(message),
    onGoodbye: () => goodbyes++,
    spawner: {
      kind: 'posix_spawn',
      subreaper: true,
      marks: true,
      sliceMs: 8,
      makeFifos: () => {},
      spawn: (plan) => {
        plans.push(plan);
        return outcome ?? { pid: 1000 + plans.length };
      },
    },
  });
const died = (supervisor: SupervisorProcess, code: number | null = null) =>
  supervisor.onReaped({ pid: 1000 + plans.length, code, signal: code === null ? 'SIGKILL' : null });

test('starts azora __supervisor for the same state folder', async () => {
  const supervisor = create();
  await supervisor.start();
  expect(plans[0]?.argv.slice(-3)).toEqual(['__supervisor', '--state-dir', root]);
  expect(supervisor.pid).toBe(1001);
  await supervisor.start();
  expect(plans).toHaveLength(1);
});

test('a death is followed by a new one, later and later; after five in a minute by none until one is asked for', async () => {
  const supervisor = create();
  await supervisor.start();
  for (const [deaths, pause] of [100, 200, 400, 800].entries()) {
    died(supervisor);
    await vi.advanceTimersByTimeAsync(pause - 1);
    expect(plans).toHaveLength(deaths + 1);
    await vi.advanceTimersByTimeAsync(1);
    expect(plans).toHaveLength(deaths + 2);
  }
  died(supervisor);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(plans).toHaveLength(5);
  expect(reports.at(-1)).toMatch(/5 supervisors died within a minute/);

  const asked = supervisor.ensure();
  await vi.advanceTimersByTimeAsync(0);
  expect(plans).toHaveLength(6);
  supervisor.onHello(1006);
  expect(await asked).toEqual({ pid: 1006 });
});

test('deaths further apart than a minute do not add up', async () => {
  const supervisor = create();
  await supervisor.start();
  for (let i = 1; i <= 20; i++) {
    died(supervisor);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(plans).toHaveLength(i + 1);
  }
});

test('exit 0 is a goodbye, of a child only', async () => {
  const supervisor = create();
  await supervisor.start();
  expect(supervisor.onReaped({ pid: 77, code: 0, signal: null })).toBe(false);
  expect(goodbyes).toBe(0);
  expect(died(supervisor, 0)).toBe(true);
  expect(goodbyes).toBe(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(plans).toHaveLength(1);
});

test('a child that leaves because another supervisor is connected is no goodbye', async () => {
  const supervisor = create();
  await supervisor.start();
  supervisor.onHello(4242);
  died(supervisor, 0);
  expect(goodbyes).toBe(0);
  expect(supervisor.pid).toBe(4242);
});

test('whoever asks is told why there is none', async () => {
  const supervisor = create();
  outcome = { pid: null, code: 'EAGAIN' };
  const asked = expect(supervisor.ensure()).rejects.toThrow(
    /no supervisor could be started: 5 died .* short of processes/,
  );
  await vi.advanceTimersByTimeAsync(10_000);
  await asked;

  outcome = null;
  const silent = expect(supervisor.ensure()).rejects.toThrow(/did not report within 15 s/);
  await vi.advanceTimersByTimeAsync(15_000);
  await silent;

  await expect(create(false).ensure()).rejects.toThrow(/told to start none/);
});

test('one that is not our child and hangs up is replaced', async () => {
  const supervisor = create();
  supervisor.onHello(4242);
  supervisor.onHangUp();
  await vi.advanceTimersByTimeAsync(100);
  expect(plans).toHaveLength(1);
  supervisor.stop();
});
