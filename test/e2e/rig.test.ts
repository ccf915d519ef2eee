import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { floodChunks } from '../puppet/flood.mjs';
import { isAlive, killAllWith, processesWith } from './rig/processes.ts';
import { Puppets } from './rig/puppets.ts';
import { Running } from './rig/running.ts';
import { rig } from './rig.ts';

// What the other end-to-end tests stand on, without azora.

let folder: string;
let puppets: Puppets;
let mark: string;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'azora-rig-'));
  puppets = new Puppets(join(folder, 'puppets.sock'));
  await puppets.listen();
  const id = randomBytes(8).toString('hex');
  mark = `AZORA_TEST_RIG=${id}`;
  env = { ...process.env, AZORA_TEST_RIG: id, PUPPET_SOCKET: puppets.socketPath };
});
afterEach(async () => {
  await killAllWith(mark);
  puppets.close();
  rmSync(folder, { recursive: true });
});

const startPuppet = (instance: string, ...args: string[]): ChildProcess =>
  spawn(process.execPath, [rig.program('puppet.mjs'), ...args], {
    env: { ...env, AZORA_INSTANCE: instance, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
const ended = (child: ChildProcess) =>
  new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
const firstData = (child: ChildProcess, fd: number) =>
  new Promise((resolve) => child.stdio[fd]?.once('data', (data) => resolve(String(data))));

describe('a puppet', () => {
  test('says, answers, fails, and ends as it is told', async () => {
    const child = startPuppet('web', '--listen');
    const web = puppets.of('web');
    expect(await web.connected()).toBe(child.pid);
    const heard = firstData(child, 2);
    await web.order({ say: 'hello', to: 'stderr' });
    expect(await heard).toBe('hello\n');
    const readied = firstData(child, 3);
    await web.order({ ready: 'fd' });
    expect(await readied).toBe('\n');
    await expect(web.order({ spawn: ['no-such-program'] })).rejects.toThrow(/ENOENT/);
    const end = ended(child);
    await web.order({ exit: 7 });
    expect(await end).toBe(7);
  });

  test('answers health checks as it is told', async () => {
    startPuppet('web');
    const web = puppets.of('web');
    const { port } = await web.order({ listen: true });
    await web.order({ health: { status: 503, body: { status: 'fail' } } });
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
    expect([answer.status, await answer.json()]).toEqual([503, { status: 'fail' }]);
    expect(await web.order({ asked: true })).toMatchObject({ asked: 1 });
  });

  test('has lives, and orders go to the latest', async () => {
    const first = startPuppet('web');
    const web = puppets.of('web');
    await web.connected();
    const end = ended(first);
    await web.order({ kill: 'SIGKILL' });
    expect(await end).toBe('SIGKILL');
    const second = startPuppet('web');
    expect(await web.connected(2)).toBe(second.pid);
    await expect(web.connected(3, 50)).rejects.toThrow('puppet web was started 2 times, not 3');
  });

  test('goes away with its test', async () => {
    const child = startPuppet('web');
    await puppets.of('web').connected();
    const end = ended(child);
    puppets.close();
    expect(await end).toBe(99);
  });
});

describe('a command that runs', () => {
  const sh = (script: string) => new Running('/bin/sh', ['-c', script], { cwd: folder, env });

  test('is waited for by its lines and its end', async () => {
    const running = sh('echo one; echo two >&2; read x < /dev/null; echo three; exit 3');
    expect((await running.waitForLine(/t(w)o/))[1]).toBe('w');
    expect(await running.finished()).toMatchObject({ code: 3, stdout: 'one\nthree\n', stderr: 'two\n' });
    await expect(running.waitForLine(/four/)).rejects.toThrow(/ended without a line \/four\/.*three/s);
  });

  test('that hangs is complained about with what it said', async () => {
    const running = sh('echo stuck; exec sleep 100');
    await running.waitForLine(/stuck/);
    await expect(running.finished(50)).rejects.toThrow(/has not ended.*stuck/s);
    running.signal('SIGTERM');
    expect(await running.finished()).toMatchObject({ code: null, signal: 'SIGTERM' });
  });
});

test('whoever carries the mark is found and killed, wherever it has gone', async () => {
  const running = new Running('/bin/sh', ['-c', '(setsid sleep 100 >/dev/null 2>&1 &); exec sleep 100'], {
    cwd: folder,
    env,
  });
  await expect.poll(() => processesWith(mark).filter(({ command }) => command.startsWith('sleep')).length).toBe(2);
  const killed = await killAllWith(mark);
  expect(killed.map(({ command }) => command)).toEqual(['sleep 100', 'sleep 100']);
  expect(processesWith(mark)).toEqual([]);
  expect(killed.filter(({ pid }) => isAlive(pid))).toEqual([]);
  expect((await running.finished()).signal).toBe('SIGKILL');
});

test('a flood is the same text each time, of the length asked for', () => {
  const digest = (bytes: number) => {
    const hash = createHash('sha256');
    let length = 0;
    for (const chunk of floodChunks(bytes)) {
      hash.update(chunk);
      length += chunk.length;
    }
    return [length, hash.digest('hex')];
  };
  expect(digest(1_000_001)).toEqual(digest(1_000_001));
  expect(digest(1_000_001)[0]).toBe(1_000_001);
});
