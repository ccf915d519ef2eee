import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { lockHolder, takeLock } from '../../src/adapters/lock.ts';
import { daemonEnvironment, selfCommand, startDaemon, startDaemons } from '../../src/adapters/self.ts';
import { createStateFolder, stateFolder } from '../../src/adapters/state-folder.ts';
import { readStat } from '../../src/keeper/identity.ts';
import { processesWith } from '../e2e/rig/processes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'azora-keeper-self-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the command runs this program from any folder', () => {
  const [file, ...args] = selfCommand(['--version']);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(execFileSync(file, args, { cwd: '/', encoding: 'utf8' })).toContain(version);
});

test('a daemon has a session of its own, and its crash leaves a stack in the log', async () => {
  const log = join(folder, 'keeper.log');
  writeFileSync(log, 'before\n');
  const daemon = await startDaemon(['__keeper'], { log });
  expect(await daemon.ended).toMatchObject({ signal: null });
  expect((await daemon.ended).code).not.toBe(0);
  expect(readFileSync(log, 'utf8')).toMatch(/^before\n.*__keeper needs --state-dir.*at /s);
});

test('two start at once: the supervisor is the child of the keeper, whatever the folder is called', async () => {
  const state = stateFolder(join(folder, `a 'b" $c`));
  createStateFolder(state);
  const role = (name: string) => ({
    role: name,
    args: [`__${name}`, '--state-dir', state.root],
    log: join(state.run, `${name}.log`),
  });
  const mark = `AZORA_TEST_SELF=${folder}`;
  vi.stubEnv('AZORA_TEST_SELF', folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  const keeper = await startDaemons(role('keeper'), role('supervisor'));
  const ended = keeper.ended;
  await expect.poll(() => existsSync(state.supervisorSocket), { timeout: 10_000, interval: 5 }).toBe(true);
  expect(lockHolder(state.keeperLock)).toBe(keeper.pid);
  expect(readStat(lockHolder(state.supervisorLock)!)).toMatchObject({ parent: keeper.pid });

  // Of two keepers one ends, and the supervisor that was started beside it does not outlive it.
  const second = await startDaemons(role('keeper'), role('supervisor'));
  expect(await second.ended).toEqual({ code: 0, signal: null });
  await expect.poll(() => processesWith(mark), { timeout: 10_000, interval: 5 }).toHaveLength(2);
  expect(lockHolder(state.keeperLock)).toBe(keeper.pid);

  process.kill(keeper.pid, 'SIGTERM'); // it has nothing to keep
  expect(await ended).toEqual({ code: 0, signal: null });
  await expect.poll(() => takeLock(state.supervisorLock), { timeout: 10_000, interval: 5 }).not.toBeNull();
  for (const name of ['keeper', 'supervisor']) expect(readFileSync(role(name).log, 'utf8')).toBe('');
});

test('a supervisor whose keeper died before it came up does not wait for the lock of another', async () => {
  const state = stateFolder(folder);
  createStateFolder(state);
  const gone = spawnSync('true').pid;
  writeFileSync(state.keeperLock, `${gone}\n`);
  const lock = takeLock(state.supervisorLock)!;
  const log = join(state.run, 'supervisor.log');
  const supervisor = await startDaemon(['__supervisor', '--state-dir', state.root, '--keeper', String(gone)], { log });
  expect(await supervisor.ended).toEqual({ code: 0, signal: null });
  expect(readFileSync(log, 'utf8')).toContain(`my keeper is gone, and another supervisor owns ${state.root}`);
  lock.release();
});

test('the end of a daemon is noticed in a worker thread too', async () => {
  const self = new URL('../../src/adapters/self.ts', import.meta.url).href;
  const script = `
    const { parentPort, workerData } = require('node:worker_threads');
    const stay = setInterval(() => {}, 1000); // a daemon keeps nobody from ending
    import(workerData.self).then(async ({ hearNoChildren, startDaemon }) => {
      hearNoChildren();
      const { ended } = await startDaemon(['__keeper'], { log: workerData.log });
      parentPort.postMessage(await ended);
      clearInterval(stay);
    });`;
  const worker = new Worker(script, { eval: true, workerData: { self, log: join(folder, 'keeper.log') } });
  const [{ code, signal }] = await once(worker, 'message');
  expect(code).toBeGreaterThan(0);
  expect(signal).toBeNull();
});

test('a log that grew too long is put aside', async () => {
  const log = join(folder, 'keeper.log');
  writeFileSync(log, 'x'.repeat(2_000_000));
  await (await startDaemon(['__keeper'], { log })).ended;
  expect(statSync(`${log}.old`).size).toBe(2_000_000);
  expect(statSync(log).size).toBeLessThan(10_000);
});

test('daemons keep the compile cache, and no channel of ours', () => {
  process.env.NODE_COMPILE_CACHE = '/cache';
  process.env.NODE_CHANNEL_FD = '99';
  try {
    expect(daemonEnvironment()).toMatchObject({ NODE_COMPILE_CACHE: '/cache' });
    expect(daemonEnvironment()).not.toHaveProperty('NODE_CHANNEL_FD');
  } finally {
    delete process.env.NODE_COMPILE_CACHE;
    delete process.env.NODE_CHANNEL_FD;
  }
});
