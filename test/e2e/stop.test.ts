import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { History } from './rig/history.ts';
import { chain, quiet } from './rig/organs.ts';
import { rig } from './rig.ts';

describe('down', () => {
  test('stops in reverse order: nobody before those who need him are gone', async () => {
    await using system = await rig.system({ yaml: { organs: chain(['a', 'b', 'c'], quiet) } });
    await system.expect(0, ['up', '-d']);
    await system.waitForEvent(({ type }) => type === 'system-ready');
    await system.expect(0, ['down']);
    const history = new History(system.events);
    for (const [needed, needing] of [
      ['a', 'b'],
      ['b', 'c'],
    ] as const) {
      expect(history.first(needing, 'organ-stopped').id).toBeLessThan(history.first(needed, 'organ-stopping').id);
    }
    await system.expectNothingLeft();
  });

  test('five that ignore SIGTERM are stopped together, not one after the other', async () => {
    const names = ['v', 'w', 'x', 'y', 'z'];
    const deaf = { command: [rig.program('ignores-sigterm.sh')], health: { log: '^deaf$' }, stop: { timeout: '1s' } };
    await using system = await rig.system({ yaml: { organs: Object.fromEntries(names.map((name) => [name, deaf])) } });
    await system.expect(0, ['up', '-d']);
    await system.waitForEvent(({ type }) => type === 'system-ready');
    const one = await system.expect(0, ['stop', 'v']);
    const four = await system.expect(0, ['down']);
    // Both wait for the same second; four in a row would take four times as long as one.
    expect(one.durationMs).toBeGreaterThan(1000);
    expect(four.durationMs).toBeLessThan(2 * one.durationMs);
    const history = new History(system.events);
    const others = names.slice(1);
    const lastStopping = Math.max(...others.map((name) => history.first(name, 'organ-stopping').id));
    const firstGone = Math.min(...others.map((name) => history.first(name, 'organ-exited', 'organ-stopped').id));
    expect(lastStopping).toBeLessThan(firstGone);
    await system.expectNothingLeft();
  });

  test('whole trees: sessions of their own, double forks, emptied environments, deaf ones', async () => {
    const family = { command: [rig.program('six-kinds.sh')], stop: { timeout: '500ms' } };
    await using system = await rig.system({ yaml: { organs: { family } } });
    await system.expect(0, ['up', '-d']);
    const pids = () =>
      readFileSync(join(system.state.logs, 'family/family.out.log'), 'utf8').match(/\d+/g)?.map(Number) ?? [];
    await expect.poll(pids).toHaveLength(7);
    expect(pids().filter((pid) => !system.isAlive(pid))).toEqual([]);
    await system.expect(0, ['down']);
    expect(pids().filter((pid) => system.isAlive(pid))).toEqual([]);
    await system.expectNothingLeft();
  });

  test('a fork bomb of 127, every one of them deaf', async () => {
    const bomb = { command: [rig.program('fork-bomb.sh'), '6'], stop: { timeout: '300ms' } };
    await using system = await rig.system({ yaml: { organs: { bomb } } });
    await system.expect(0, ['up', '-d']);
    const log = join(system.state.logs, 'bomb/bomb.out.log');
    await expect.poll(() => readFileSync(log, 'utf8').trim().split('\n').length, { timeout: 20_000 }).toBe(127);
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });

  test('one that is paused by SIGSTOP is woken to end', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet({ stop: { timeout: '20s' } }) } } });
    await system.expect(0, ['up', '-d']);
    const { pid } = await system.instance('web');
    process.kill(pid!, 'SIGSTOP');
    const { durationMs } = await system.expect(0, ['down']);
    expect(durationMs).toBeLessThan(10_000);
    await system.expectNothingLeft();
  });

  test('--force waits for nobody, and -t for as long as it says', async () => {
    const deaf = { command: [rig.program('ignores-sigterm.sh')], health: { log: '^deaf$' }, stop: { timeout: '60s' } };
    await using system = await rig.system({ yaml: { organs: { a: deaf, b: { ...deaf, depends_on: ['a'] } } } });
    for (const args of [
      ['down', '--force'],
      ['down', '-t', '200ms'],
    ]) {
      await system.expect(0, ['up', '-d']);
      const { durationMs } = await system.expect(0, args);
      expect(durationMs).toBeLessThan(20_000);
      await system.expectNothingLeft();
    }
  });

  test('is idempotent', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['down']);
    await system.expect(0, ['up', '-d']);
    await system.expect(0, ['down']);
    await system.expect(0, ['down']);
  });

  test('during a boot that hangs, ends it', async () => {
    await using system = await rig.system({
      yaml: { organs: { slow: { command: [rig.program('never-ready.sh')], health: { log: '^ready$' } } } },
    });
    const up = system.start(['up', '-d']);
    await system.waitFor(({ organs }) => organs[0]?.state === 'starting');
    await system.expect(0, ['down']);
    expect((await up.finished()).code).not.toBe(0);
    await system.expectNothingLeft();
  });
});

describe('a foreground up', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s is a down, and ends with %i', async (signal, code) => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    const up = system.start(['up']);
    await system.waitForEvent(({ type }) => type === 'system-ready');
    up.signal(signal);
    expect(await up.finished()).toMatchObject({ code });
    await system.expectNothingLeft();
  });

  test('says whom it waits for; a second signal kills now', async () => {
    const deaf = { command: [rig.program('ignores-sigterm.sh')], health: { log: '^deaf$' }, stop: { timeout: '60s' } };
    await using system = await rig.system({ yaml: { organs: { stubborn: deaf, easy: quiet() } } });
    const up = system.start(['up']);
    await system.waitForEvent(({ type }) => type === 'system-ready');
    up.signal('SIGINT');
    await system.waitFor(({ organs }) => organs.some(({ organ, state }) => organ === 'easy' && state === 'stopped'));
    await up.waitForLine(/wait.*stubborn|stubborn.*(wait|SIGTERM)/i);
    up.signal('SIGINT');
    const { code } = await up.finished(20_000);
    expect(code).toBe(130);
    await system.expectNothingLeft();
  });
});

test('a stop that another command overrules ends, and says so', async () => {
  const deaf = { command: [rig.program('ignores-sigterm.sh')], health: { log: '^deaf$' }, stop: { timeout: '1s' } };
  await using system = await rig.system({ yaml: { organs: { deaf } } });
  await system.expect(0, ['up', '-d']);
  const stop = system.start(['stop', 'deaf']);
  await system.waitFor(({ organs }) => organs[0]?.state === 'stopping');
  await system.expect(0, ['start', 'deaf']);
  const { code, stdout } = await stop.finished();
  expect(code).toBe(1);
  expect(stdout).toMatch(/^deaf \w+: another command has started it again$/m);
});
