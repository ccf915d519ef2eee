import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { daemonEnvironment, selfCommand, startDaemon } from '../../src/adapters/self.ts';

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
