import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { connectSupervisor } from '../../src/cli/connect.ts';
import { History } from '../e2e/rig/history.ts';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';

/** Two things at once, with real processes; the core's tables and properties know every other order. */

/** Ready as soon as its file `go-<name>` is there; each life enters itself into a ledger. */
const slow = (name: string, more: object = {}) =>
  quiet({
    command: `echo $$$$ >>ledger-${name}; while [ ! -e go-${name} ]; do sleep 0.02; done; echo ready; exec sleep 1000`,
    ...more,
  });

const starting = (system: System, name: string) =>
  system.waitFor(({ organs }) => organs.some(({ organ, state }) => organ === name && state === 'starting'));

const livesOf = (system: System, name: string): number[] =>
  readFileSync(system.path(`ledger-${name}`), 'utf8')
    .trim()
    .split('\n')
    .map(Number);

describe('at the same time', () => {
  test('stop during start: it is stopped, and its process gone', async () => {
    await using system = await rig.system({ yaml: { organs: { web: slow('web') } } });
    const up = system.start(['up', '-d']);
    await starting(system, 'web');
    await expect.poll(() => livesOf(system, 'web')).toHaveLength(1);
    await system.expect(0, ['stop', 'web']);
    expect(await system.instance('web')).toMatchObject({ state: 'stopped', pid: null });
    expect(livesOf(system, 'web').filter((pid) => system.isAlive(pid))).toEqual([]);
    await up.finished();
  });

  test('start during stop: it runs again when it has stopped, never beside itself', async () => {
    const deaf = {
      command: [rig.program('ignores-sigterm.sh')],
      health: { log: '^deaf$' },
      stop: { timeout: '700ms' },
    };
    await using system = await rig.system({ yaml: { organs: { deaf } } });
    await system.expect(0, ['up', '-d']);
    const { pid } = await system.instance('deaf');
    const stop = system.start(['stop', 'deaf']);
    await system.waitFor(({ organs }) => organs[0]?.state === 'stopping');
    await system.expect(0, ['start', 'deaf']);
    expect((await stop.finished()).code).toBe(1); // it has not come to stay stopped
    const after = await system.instance('deaf');
    expect(after.state).toBe('ready');
    expect(after.pid).not.toBe(pid);
    expect(system.isAlive(pid!)).toBe(false);
  });

  test('a reload takes an organ away while it is being stopped: both end', async () => {
    const deaf = {
      command: [rig.program('ignores-sigterm.sh')],
      health: { log: '^deaf$' },
      stop: { timeout: '700ms' },
    };
    await using system = await rig.system({ yaml: { organs: { deaf, web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const stop = system.start(['stop', 'deaf']);
    await system.waitFor(({ organs }) => organs[0]?.state === 'stopping');
    system.write('azora.yaml', JSON.stringify({ version: 1, organs: { web: quiet() } }));
    await system.expect(0, ['reload']);
    const { code, stdout } = await stop.finished();
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^deaf stopped/)]);
    await system.waitFor(({ organs }) => organs.length === 1);
  });

  test('a hundred restarts: a few, one after the other', async () => {
    const web = { command: 'echo $$$$ >>ledger-web; echo ready; exec sleep 1000', health: { log: '^ready$' } };
    await using system = await rig.system({ yaml: { organs: { web } } });
    await system.expect(0, ['up', '-d']);
    const connection = (await connectSupervisor(system.state, 'test'))!;
    const request = { verb: 'restart', organs: ['web'], timeoutMs: null } as const;
    await Promise.all(Array.from({ length: 100 }, () => connection.request('act', request, null)));
    connection.close();
    const { restarts, state, pid } = await system.instance('web');
    expect(state).toBe('ready');
    expect(restarts).toBeLessThanOrEqual(5);
    const lives = livesOf(system, 'web');
    expect(lives).toHaveLength(restarts + 1);
    expect(lives.filter((one) => system.isAlive(one))).toEqual([pid]);
  });

  test('a dependency dies while its dependent starts: both are there in the end', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          db: rig.puppet({ health: { log: '^ready$' }, restart: { delay: '10ms' } }),
          web: slow('web', { depends_on: ['db'] }),
        },
      },
    });
    const up = system.start(['up', '-d']);
    await system.puppet('db').order({ ready: 'log' });
    await starting(system, 'web');
    process.kill(await system.puppet('db').connected(), 'SIGKILL');
    await system.puppet('db').connected(2);
    system.write('go-web', '');
    await system.puppet('db').order({ ready: 'log' });
    expect((await up.finished()).code, up.said()).toBe(0);
    const { organs } = await system.status();
    expect(organs).toMatchObject([
      { organ: 'db', state: 'ready', restarts: 1 },
      { organ: 'web', state: 'ready' },
    ]);
  });

  test('a dependency is stopped while its dependents run: they run on, and say what they miss', async () => {
    await using system = await rig.system({ yaml: { organs: { db: quiet(), web: quiet({ depends_on: ['db'] }) } } });
    await system.expect(0, ['up', '-d']);
    const { pid } = await system.instance('web');
    await system.expect(0, ['stop', 'db']);
    expect(await system.instance('web')).toMatchObject({
      state: 'ready',
      pid,
      health: 'Degraded',
      reason: expect.stringContaining('db'),
    });
    await system.expect(0, ['start', 'db']);
    expect(await system.instance('web')).toMatchObject({ state: 'ready', pid, health: 'Healthy' });
  });

  test('an emergency during a boot ends it: nothing is started any more, everything goes down', async () => {
    await using system = await rig.system({
      yaml: {
        organs: { db: quiet(), web: slow('web', { depends_on: ['db'] }), last: slow('last', { depends_on: ['web'] }) },
      },
    });
    const up = system.start(['up', '-d']);
    await starting(system, 'web');
    await system.expect(0, ['emergency', 'enough']);
    expect((await up.finished()).code).toBe(5);
    expect(() => livesOf(system, 'last')).toThrow();
    await system.expectNothingLeft();
    await system.expect(5, ['up', '-d']);
  });

  test('a reload during a boot: it boots what the file says now, once', async () => {
    const organs = { db: slow('db'), web: quiet({ depends_on: ['db'] }) };
    await using system = await rig.system({ yaml: { organs } });
    const up = system.start(['up', '-d']);
    await starting(system, 'db');
    await expect.poll(() => livesOf(system, 'db')).toHaveLength(1);
    const changed = { db: organs.db, more: quiet({ depends_on: ['db'] }) };
    system.write('azora.yaml', JSON.stringify({ version: 1, organs: changed }));
    const reload = system.start(['reload']);
    await system.waitFor(({ organs }) => organs.some(({ organ }) => organ === 'more'));
    system.write('go-db', '');
    expect((await reload.finished()).code, reload.said()).toBe(0);
    await up.finished();
    const status = await system.waitFor(({ system: whole }) => whole.phase === 'ready');
    expect(status.organs.map(({ organ, state }) => `${organ} ${state}`)).toEqual(['db ready', 'more ready']);
    expect(livesOf(system, 'db')).toHaveLength(1);
    const history = new History(system.events);
    expect(system.events.filter(({ type }) => type === 'system-ready')).toHaveLength(1);
    expect(history.of('web').filter(({ type }) => type === 'organ-started')).toEqual([]);
  });
});
