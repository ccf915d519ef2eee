import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type CommandRun, runCommand } from '../../src/adapters/run-command.ts';
import { isAlive } from '../e2e/rig/processes.ts';

const cwd = mkdtempSync(join(tmpdir(), 'azora-run-'));
afterAll(() => rmSync(cwd, { recursive: true }));
const run = (script: string, more: Partial<CommandRun> = {}) =>
  runCommand({ argv: ['/bin/sh', '-c', script], cwd, env: { PATH: process.env.PATH! }, timeoutMs: 10_000, ...more });

test('exit code 0 is success; stdin, folder and environment are those that were given', async () => {
  const end = await run('cat > seen; echo "$WORD" >> seen; pwd >> seen', { input: 'hello\n', env: { WORD: 'x' } });
  expect(end).toEqual({ ok: true });
  expect(readFileSync(join(cwd, 'seen'), 'utf8')).toBe(`hello\nx\n${cwd}\n`);
});

test.each([
  ['exit 7', 'exited with code 7'],
  ['echo out; echo why not >&2; exit 1', 'exited with code 1: why not'],
  ['echo only out; exit 1', 'exited with code 1: only out'],
  ['kill -9 $$', 'was ended by SIGKILL'],
])('%s → %s', async (script, message) => {
  expect(await run(script)).toEqual({ ok: false, message });
});

test('what cannot be started is said', async () => {
  const end = await run('', { argv: ['no-such-program-here'] });
  expect(end).toMatchObject({ ok: false, message: expect.stringMatching(/^cannot be run: .*no-such-program-here/) });
});

test('at its deadline, and when aborted, it is killed with all of its group', async () => {
  const script = 'sleep 1000 & echo $! > child; echo so far; wait';
  const child = () => Number(readFileSync(join(cwd, 'child'), 'utf8'));
  expect(await run(script, { timeoutMs: 300 })).toEqual({ ok: false, message: 'timed out after 300 ms: so far' });
  await expect.poll(() => isAlive(child())).toBe(false);

  const abort = new AbortController();
  const running = run(script, { signal: abort.signal });
  setTimeout(() => abort.abort('not wanted'), 200);
  expect(await running).toMatchObject({ ok: false, message: expect.stringContaining('not wanted') });
  await expect.poll(() => isAlive(child())).toBe(false);
});

test('a child that holds its output open, a flood of it, and input that nobody reads hold nothing up', async () => {
  const startedAt = performance.now();
  expect(await run('sleep 1000 & exit 0')).toEqual({ ok: true });
  expect(await run('yes | head -c 5000000; exit 0')).toEqual({ ok: true });
  expect(await run('exit 0', { input: 'x'.repeat(1_000_000) })).toEqual({ ok: true });
  expect(performance.now() - startedAt).toBeLessThan(5000);
});
