import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { connectSupervisor } from '../../src/cli/connect.ts';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';
import { asOrdinaryUser, daemonPid, limit, pause, pidsOf } from './support.ts';

describe('the end of what has just begun', () => {
  const once = { restart: { policy: 'always', delay: '10ms', limit: 2, jitter: 0 } };

  test('a service that exits 0 at once, a task that does, and a task that exits 3', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          service: { command: 'true', ...once },
          done: { kind: 'task', command: 'true' },
          undone: { kind: 'task', command: 'exit 3' },
        },
      },
    });
    await system.expect(1, ['up', '-d']);
    const { organs } = await system.waitFor((status) => status.organs.every(({ pid }) => pid === null));
    expect(organs).toMatchObject([
      { state: 'failed', restarts: 2, reason: expect.stringMatching(/exited with code 0 .*limit of 2 restarts/) },
      { state: 'completed', health: 'Healthy', restarts: 0, exit: { code: 0 } },
      { state: 'failed', restarts: 0, exit: { code: 3 }, reason: expect.stringContaining('exited with code 3') },
    ]);
  });
});

test('arguments and environment that are too large together are a configuration error; nothing is started', async () => {
  // Each file, and each variable, is small enough.
  const text = (n: number) => Array.from({ length: 9 }, (_, i) => `V${n}_${i}=${'x'.repeat(100_000)}\n`).join('');
  const names = ['1.env', '2.env', '3.env'];
  await using system = await rig.system({
    yaml: { organs: { web: { command: 'sleep 1000', env_file: names } } },
    files: Object.fromEntries(names.map((name, n) => [name, text(n)])),
  });
  const { stderr } = await system.expect(2, ['up', '-d']);
  expect(stderr).toMatch(/the arguments and environment of organ web have \d+ bytes; the kernel takes at most \d+/);
  // What was started for a boot that never came ends by itself.
  await system.nothingLeftSoon();
});

describe.skipIf(process.platform !== 'linux')('a machine that has no room', () => {
  const late = quiet({ autostart: false, restart: { policy: 'on-failure', limit: 1 } });

  /** Starts `late`, sees it tried more often than its own limit allows, makes room, and sees it run. */
  async function triedUntilThereIsRoom(system: System, word: RegExp, makeRoom: () => void): Promise<void> {
    const start = system.start(['start', 'late']);
    const tried = await system.waitForEvent(
      ({ type, organ, data }) => type === 'organ-restarting' && organ === 'late' && Number(data.attempt) >= 3,
    );
    expect(tried.message).toMatch(/^cannot start late yet: .*; trying again in /);
    expect(tried.message).toMatch(word);
    expect(await system.instance('late')).toMatchObject({ state: 'backoff', restarts: 0, errors: 0, pid: null });
    expect((await system.instance('web')).state).toBe('ready');
    makeRoom();
    expect((await start.finished()).code, start.said()).toBe(0);
    expect(await system.instance('late')).toMatchObject({ state: 'ready', restarts: 0, errors: 0 });
  }

  /** A limit is one of numbers, below which some may be free. */
  function roomForOneMore(pid: number): number {
    const used = readdirSync(`/proc/${pid}/fd`).map(Number);
    let limited = 1;
    while (limited - used.filter((fd) => fd < limited).length < 1) limited++;
    return limited;
  }

  test('for another process (EAGAIN): tried again outside its own limit, while azora answers', async (context) => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), late } } });
    const program = asOrdinaryUser(system);
    if (program === null) return context.skip('the checkout cannot be read by another user');
    await system.expect(0, ['up', '-d'], { program });
    const keeper = daemonPid(system, 'keeper')!;
    limit(keeper, 'nproc', 1);
    await triedUntilThereIsRoom(system, /short of processes, memory or open files for now \(EAGAIN\)/, () =>
      limit(keeper, 'nproc', null),
    );
  });

  test('for another file (EMFILE): the same', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), late } } });
    await system.expect(0, ['up', '-d']);
    const keeper = daemonPid(system, 'keeper')!;
    limit(keeper, 'nofile', roomForOneMore(keeper));
    await triedUntilThereIsRoom(system, /EMFILE/, () => limit(keeper, 'nofile', null));
  });

  test('to look at its processes (EMFILE): nothing is taken for gone that is not', async () => {
    const family = { command: 'setsid sh -c "trap : TERM; while :; do sleep 0.1; done" & exec sleep 1000' };
    await using system = await rig.system({ yaml: { organs: { family: { ...family, stop: { timeout: '300ms' } } } } });
    await system.expect(0, ['up', '-d']);
    const keeper = daemonPid(system, 'keeper')!;
    limit(keeper, 'nofile', 3);
    const stop = system.start(['stop', 'family']);
    await system.waitFor(({ organs }) => organs[0]?.state === 'stopping');
    // Its leader is the keeper's own child, which can be signalled without looking.
    await system.waitFor(({ organs }) => organs[0]?.exit !== null);
    await pause(500); // long enough to be taken in by a list of processes that could not be read
    expect(await system.instance('family')).toMatchObject({ state: 'stopping' });
    limit(keeper, 'nofile', null);
    expect((await stop.finished()).code, stop.said()).toBe(0);
    expect(system.processes().filter(({ command }) => !command.startsWith('azora '))).toEqual([]);
  });
});

test.skipIf(process.platform !== 'linux')(
  'a supervisor that is short of files judges nobody by probes that it could not carry out',
  async () => {
    const asked = (health: object) =>
      rig.puppet({ ports: { http: 'auto' }, health: { interval: '100ms', timeout: '5s', failures: 1, ...health } }, [
        '--listen',
      ]);
    await using system = await rig.system({
      yaml: {
        organs: {
          http: asked({ http: '/healthz' }),
          exec: asked({ exec: 'true' }),
          tcp: asked({ tcp: '${organs.tcp.port}' }),
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    await system.waitForEvent(({ type }) => type === 'system-ready');
    const before = pidsOf(await system.status());
    const supervisor = daemonPid(system, 'supervisor')!;
    limit(supervisor, 'nofile', 10); // fewer than it holds already
    await pause(1500); // fifteen probes of each
    limit(supervisor, 'nofile', null);
    await pause(500);
    expect(pidsOf(await system.status())).toEqual(before);
    expect(system.events.filter(({ type, data }) => type === 'health-changed' && data.to === 'Critical')).toEqual([]);
    const status = await system.waitFor(({ organs }) => organs.every(({ health }) => health === 'Healthy'));
    expect(status.organs.map(({ restarts, errors }) => [restarts, errors])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  },
);

describe('two hundred that crash as soon as they have begun', () => {
  test('control answers all the while', async () => {
    const crashes = { command: 'exit 7', restart: { delay: '500ms', factor: 1, limit: 1_000_000 } };
    const names = Array.from({ length: 200 }, (_, n) => `crash-${n}`);
    await using system = await rig.system({ yaml: { organs: Object.fromEntries(names.map((n) => [n, crashes])) } });
    await system.run(['up', '-d', '--wait-timeout', '1s']);
    await system.waitFor(({ organs }) => organs.every(({ restarts }) => restarts >= 2));
    const connection = await connectSupervisor(system.state, 'test');
    const took: number[] = [];
    for (let n = 0; n < 40; n++) {
      const begin = performance.now();
      await connection!.request('status', null);
      took.push(performance.now() - begin);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    connection!.close();
    took.sort((a, b) => a - b);
    console.info(
      `200 in a crash loop: status answered in ${took[20]!.toFixed(0)} ms (median), ${took.at(-1)!.toFixed(0)} ms (slowest of 40)`,
    );
    expect(took.at(-1)).toBeLessThan(5000); // 200 ms on a machine that has nothing else to do
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });
});
