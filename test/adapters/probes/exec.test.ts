import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runProbe } from '../../../src/adapters/probes/index.ts';
import type { CommandLine, Expectation } from '../../../src/core/config/model.ts';
import { EXPECT, TARGET } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'azora-exec-'));
afterAll(() => rmSync(folder, { recursive: true }));

const argv = (...words: [string, ...string[]]): CommandLine => ({ shell: false, argv: words, text: words.join(' ') });
const sh = (text: string): CommandLine => ({ shell: true, argv: ['/bin/sh', '-c', text], text });

/** Each run is marked, so that whatever it leaves behind is found. */
let runs = 0;
async function probing(command: CommandLine, expected: Partial<Expectation> = {}, timeoutMs = 5000, cwd = folder) {
  const mark = `AZORA_TEST_EXEC=${process.pid}-${++runs}`;
  const env = { ...TARGET.env, AZORA_TEST_EXEC: mark.split('=')[1]! };
  const outcome = await runProbe(
    { kind: 'exec', command },
    { ...EXPECT, ...expected },
    { endpoint: null, cwd, env },
    timeoutMs,
  );
  return { ...outcome, left: () => marked(mark) };
}

function marked(mark: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((pid) => {
    try {
      const state = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '')[0];
      return state !== 'Z' && readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark);
    } catch {
      return false; // no process, or no longer
    }
  });
}

/** A killed process is gone within moments, not at once. */
async function expectNothingLeft(outcome: { left(): string[] }) {
  await expect.poll(outcome.left, { timeout: 3000, interval: 10 }).toEqual([]);
}

describe('an exec probe', () => {
  test('judges the exit code', async () => {
    expect(await probing(sh('exit 0'))).toMatchObject({ verdict: 'pass' });
    expect(await probing(sh('exit 7'), { exitCode: 7 })).toMatchObject({ verdict: 'pass' });
    expect(await probing(sh('echo no database >&2; exit 7'))).toMatchObject({
      verdict: 'fail',
      reason: 'exit code 7, expected 0: no database',
    });
    expect(await probing(sh('kill -SEGV $$'))).toMatchObject({ reason: 'ended by SIGSEGV, expected exit code 0' });
  });

  test('judges its output, and reads a health body from it', async () => {
    expect(await probing(argv('echo', 'PONG'), { body: 'PONG' })).toMatchObject({ verdict: 'pass' });
    expect(await probing(argv('echo', 'PING'), { body: 'PONG' })).toMatchObject({
      reason: 'the output does not contain "PONG": PING',
    });
    const body = '{"status":"warn","reason":"lag","metrics":{"lag":3}}';
    expect(await probing(argv('echo', body), { json: { 'metrics.lag': '< 5' } })).toMatchObject({
      verdict: 'pass',
      bodyStatus: 'degraded',
      bodyReason: 'lag',
      metrics: { lag: 3 },
    });
  });

  test('runs in its folder, with its environment and no other', async () => {
    writeFileSync(join(folder, 'here'), '');
    process.env.AZORA_TEST_LEAK = 'leaked';
    expect(await probing(sh('test -e here && test -z "$AZORA_TEST_LEAK"'))).toMatchObject({ verdict: 'pass' });
    delete process.env.AZORA_TEST_LEAK;
  });

  test('says what cannot be run, and why', async () => {
    expect(await probing(argv('no-such-command-here'))).toMatchObject({
      verdict: 'fail',
      reason: expect.stringMatching(/^cannot run no-such-command-here: .*ENOENT/),
    });
    expect(await probing(argv('true'), {}, 5000, join(folder, 'missing'))).toMatchObject({
      reason: expect.stringMatching(/cwd.*missing/s),
    });
  });

  test('a flood of output neither blocks the command nor fills memory', async () => {
    const before = process.memoryUsage.rss();
    const outcome = await probing(sh('head -c 100000000 /dev/zero | tr "\\0" x; exit 3'), {}, 20_000);
    expect(outcome).toMatchObject({ verdict: 'fail', reason: `exit code 3, expected 0: ${'x'.repeat(200)}…` });
    expect(process.memoryUsage.rss() - before).toBeLessThan(80_000_000);
  });

  test('its exit counts, not the end of its output: what it left in the background is killed', async () => {
    const outcome = await probing(sh('sleep 100 & echo done'), { body: 'done' });
    expect(outcome).toMatchObject({ verdict: 'pass' });
    expect(outcome.latencyMs).toBeLessThan(2000);
    await expectNothingLeft(outcome);
  });

  test('one that hangs is killed with all it forked, sessions of their own and deaf ears included', async () => {
    const hang =
      'trap "" TERM; sleep 100 & setsid sleep 100 & (setsid sh -c "sleep 100 & sleep 100" &) ; echo waiting; sleep 100';
    const outcome = await probing(sh(hang), {}, 400);
    expect(outcome).toMatchObject({
      verdict: 'fail',
      reason: 'timed out after 400 ms and was killed; until then it said: waiting',
    });
    await expectNothingLeft(outcome);
  });

  test('twenty at once that hang end at their deadline, and share the search for what they left', {
    timeout: 30_000,
  }, async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => probing(sh('setsid sleep 100 & sleep 100'), {}, 500)),
    );
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ verdict: 'fail', reason: 'timed out after 500 ms and was killed' });
      await expectNothingLeft(outcome);
    }
  });

  test('a cancelled one is killed as well', async () => {
    const abort = new AbortController();
    const mark = `AZORA_TEST_EXEC=${process.pid}-cancelled`;
    const running = runProbe(
      { kind: 'exec', command: sh('sleep 100') },
      EXPECT,
      { endpoint: null, cwd: '/', env: { ...TARGET.env, AZORA_TEST_EXEC: mark.split('=')[1]! } },
      60_000,
      abort.signal,
    );
    await expect.poll(() => marked(mark).length, { timeout: 3000, interval: 10 }).toBeGreaterThan(0);
    abort.abort();
    expect(await running).toMatchObject({ verdict: 'fail', reason: 'the probe was cancelled and was killed' });
    await expectNothingLeft({ left: () => marked(mark) });
  });
});
