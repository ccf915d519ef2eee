import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { stateFolder } from '../../src/adapters/state-folder.ts';
import { killVerified, startTimeOf } from '../../src/keeper/identity.ts';
import type { Identity } from '../../src/keeper/protocol.ts';
import type { SpawnOutcome, SpawnPlan } from '../../src/keeper/spawner.ts';
import { SupervisorProcess } from '../../src/keeper/supervisor-process.ts';

let root: string;
let plans: SpawnPlan[];
let goodbyes: number;
let reports: string[];
let outcome: SpawnOutcome | null;
let gaveUps: number;
let killed: Identity[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
  root = mkdtempSync(join(tmpdir(), 'azora-keeper-supervisor-'));
  mkdirSync(join(root, 'run'));
  [plans, goodbyes, reports, outcome, gaveUps, killed] = [[], 0, [], null, 0, []];
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
    onGaveUp: () => gaveUps++,
    kill: (who) => killed.push(who),
    spawner: {
      kind: 'posix_spawn',
      subreaper: true,
      marks: true,
      sliceMs: 8,
      makeFifos: () => {},
      spawn: (plan) => {
        plans.push(plan);
        return outcome ?? { pid: 1000 + plans.length, startTime: null };
      },
    },
  });
const died = (supervisor: SupervisorProcess, code: number | null = null) =>
  supervisor.onReaped({ pid: 1000 + plans.length, code, signal: code === null ? 'SIGKILL' : null });

test('starts azora __supervisor for the same state folder', async () => {
  const supervisor = create();
  await supervisor.start();
  expect(plans[0]?.argv.slice(-5)).toEqual(['__supervisor', '--state-dir', root, '--keeper', String(process.pid)]);
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
  expect(gaveUps).toBe(1);

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

test('one that was started beside this process is a child like any other, and no second one is started', async () => {
  const supervisor = create();
  supervisor.adopt(77);
  expect(supervisor.pid).toBe(77);
  await supervisor.start();
  expect(plans).toHaveLength(0);
  expect(supervisor.onReaped({ pid: 77, code: null, signal: 'SIGKILL' })).toBe(true);
  await vi.advanceTimersByTimeAsync(100);
  expect(plans).toHaveLength(1);
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

describe('at the end a child that has not come yet is killed, as the process that it was', () => {
  test('known by its start time; one that is connected, or whose beginning nobody saw, is let be', async () => {
    outcome = { pid: process.pid, startTime: startTimeOf(process.pid) };
    const waiting = create();
    await waiting.start();
    waiting.stop();
    expect(killed).toEqual([{ pid: process.pid, startTime: startTimeOf(process.pid) }]);

    const connected = create();
    await connected.start();
    connected.onHello(process.pid);
    connected.stop();
    outcome = { pid: 2 ** 30, startTime: null };
    const unseen = create();
    await unseen.start();
    unseen.stop();
    expect(killed).toHaveLength(1);
  });

  test('a process that has its number by then lives', async () => {
    const child = spawn('sleep', ['1000']);
    const pid = child.pid!;
    const startTime = startTimeOf(pid)!;
    expect(killVerified({ pid, startTime: `${startTime}0` })).toBe(false);
    expect(child.exitCode).toBeNull();
    const ended = once(child, 'exit');
    expect(killVerified({ pid, startTime })).toBe(true);
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(killVerified({ pid, startTime })).toBe(false);
  });
});
