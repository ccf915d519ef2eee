import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { familyLoad, processStats } from '../../src/adapters/process-stats.ts';

test.skipIf(!existsSync('/proc/self/task'))('the program that a shell runs counts as the shell does', async () => {
  const hungry = `const held = Buffer.alloc(64 * 1024 * 1024, 1); process.stdout.write('holds ' + held.length); setInterval(() => {}, 1e9)`;
  const shell = spawn('/bin/sh', ['-c', '"$NODE" -e "$HUNGRY"; :'], {
    env: { NODE: process.execPath, HUNGRY: hungry },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  onTestFinished(() => void process.kill(-shell.pid!, 'SIGKILL'));
  await once(shell.stdout, 'data');
  expect(processStats(shell.pid!)!.rssBytes).toBeLessThan(32 * 1024 * 1024);
  expect(familyLoad(shell.pid!)!.memoryBytes).toBeGreaterThan(64 * 1024 * 1024);
});

test('of a process that is gone there is no figure', async () => {
  const gone = spawn('true');
  await once(gone, 'exit');
  expect(familyLoad(gone.pid!)).toBeNull();
});
