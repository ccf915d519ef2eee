import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { quiet } from '../rig/organs.ts';
import { rig } from '../rig.ts';
import { booted, rest } from './shared.ts';

/** How organs begin, begin again and end. */

describe('restart', () => {
  const exact = { jitter: 0, delay: '40ms' };
  const system = booted(
    {
      yaml: {
        organs: {
          always: { command: 'sleep 0.3; exit 0', restart: 'always' },
          'by-default': { command: 'sleep 0.3; exit 0', restart: { delay: '50ms' } },
          'on-failure-fine': { command: 'sleep 0.3; exit 0', restart: { policy: 'on-failure', ...exact } },
          'on-failure-word': { command: 'sleep 0.3; exit 0', restart: 'on-failure' },
          'on-failure-ill': { command: 'sleep 0.3; exit 1', restart: { policy: 'on-failure', limit: 1, ...exact } },
          never: { command: 'sleep 0.3; exit 1', restart: 'never' },
          task: { command: 'exit 0', kind: 'task' },
          'failed-task': { command: 'exit 1', kind: 'task' },
          'fine-with-three': { command: 'exit 3', kind: 'task', success_exit_codes: [0, 3] },
          growing: { command: 'exit 1', restart: { ...exact, factor: 3, max_delay: '200ms', limit: 4 } },
          varying: { command: 'exit 1', restart: { delay: '50ms', factor: 1, jitter: 1, limit: 10 } },
          steady: { command: 'sleep 0.3; exit 1', restart: { ...exact, factor: 20, reset_after: '100ms', limit: 3 } },
          forgiven: { command: 'sleep 0.3; exit 1', restart: { ...exact, factor: 1, limit: 1, window: '200ms' } },
        },
      },
    },
    { code: 'any', args: ['--wait-timeout', '1s'] },
  );
  const restarts = (organ: string) =>
    system().events.filter((event) => event.type === 'organ-restarting' && event.organ === organ);
  const delays = (organ: string) => restarts(organ).map(({ data }) => data.delayMs as number);
  const failed = (organ: string) =>
    system().waitForEvent((event) => event.type === 'organ-failed' && event.organ === organ);

  test('restart.policy: always, on-failure, never; always for a service, never for a task', async () => {
    for (const organ of ['never', 'on-failure-ill', 'failed-task']) await failed(organ);
    for (const organ of ['always', 'by-default']) {
      await system().waitForEvent((event) => event.type === 'organ-restarting' && event.organ === organ);
    }
    expect(['never', 'failed-task', 'on-failure-fine', 'on-failure-word'].flatMap(delays)).toEqual([]);
    expect(delays('on-failure-ill')).toEqual([40]);
    expect(await system().instance('on-failure-fine')).toMatchObject({ state: 'completed', exit: { code: 0 } });
  });

  test('kind: a task that ends with 0 is completed', async () => {
    expect(await system().instance('task')).toMatchObject({ kind: 'task', state: 'completed', restarts: 0 });
    expect(await system().instance('failed-task')).toMatchObject({ state: 'failed', exit: { code: 1, signal: null } });
  });

  test('success_exit_codes: which codes are no failure', async () => {
    expect(await system().instance('fine-with-three')).toMatchObject({ state: 'completed', exit: { code: 3 } });
  });

  test('restart.delay, .factor, .max_delay, .limit: each delay is longer, up to a longest; then it is failed', async () => {
    const { message } = await failed('growing');
    expect(delays('growing')).toEqual([40, 120, 200, 200]);
    expect(message).toContain('the limit of 4 restarts within 10 min is reached');
  });

  test('restart.jitter: delays differ at random', async () => {
    await failed('varying');
    expect(delays('varying')).toHaveLength(10);
    // By more than the usual quarter: that all ten happen to be nearer is one case in a million.
    expect(delays('varying').some((delay) => Math.abs(delay - 50) > 13)).toBe(true);
  });

  test('restart.reset_after: whoever ran that long begins with the first delay again', async () => {
    await failed('steady');
    expect(delays('steady')).toEqual([40, 40, 40]);
  });

  test('restart.window: only restarts within it count', async () => {
    const many = () => restarts('forgiven').length;
    await system().waitForEvent((event) => (event.organ === 'forgiven' && event.data.attempt === 2) || many() >= 3);
    expect((await system().instance('forgiven')).state).not.toBe('failed');
    await expect.poll(many, { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
  });
});

describe('stop', () => {
  test('stop.signal, stop.timeout, stop.command: how it is asked, and how long', async () => {
    const deaf = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    const hears = (signal: string) =>
      `trap 'echo ${signal} > heard-${signal}; exit 0' ${signal}; echo ready; while :; do sleep 0.02; done`;
    await using system = await rig.system({
      yaml: {
        organs: {
          usr1: quiet({ command: hears('USR1'), stop: { signal: 'SIGUSR1' } }),
          deaf: quiet({ command: deaf, stop: { timeout: '300ms' } }),
          commanded: quiet({
            command: `echo $$$$ > pid; ${hears('HUP')}`,
            stop: { command: 'echo asked > asked; kill -HUP $(cat pid)' },
          }),
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    const { durationMs } = await system.expect(0, ['stop', 'usr1', 'deaf', 'commanded']);
    expect(durationMs).toBeLessThan(6_000);
    expect(existsSync(system.path('heard-USR1'))).toBe(true);
    expect([existsSync(system.path('asked')), existsSync(system.path('heard-HUP'))]).toEqual([true, true]);
    const { organs } = await system.status();
    expect(organs.map(({ organ, exit }) => [organ, exit!.code, exit!.signal])).toEqual([
      ['usr1', 0, null],
      ['deaf', null, 'SIGKILL'],
      ['commanded', 0, null],
    ]);
  });
});

describe('depends_on', () => {
  const on = (needed: string, how: object) => rest({ depends_on: { [needed]: how } });
  const system = booted(
    {
      yaml: {
        organs: {
          good: { kind: 'task', command: 'exit 0' },
          bad: { kind: 'task', command: 'exit 1' },
          slow: { command: 'sleep 1000', health: { log: 'never said' } },
          base: quiet(),
          'started-slow': on('slow', { condition: 'started' }),
          'healthy-slow': on('slow', { condition: 'healthy' }),
          'healthy-base': on('base', { condition: 'healthy' }),
          'completed-good': on('good', { condition: 'completed' }),
          'completed-bad': on('bad', { condition: 'completed' }),
          'exited-bad': on('bad', { condition: 'exited' }),
          'optional-bad': on('bad', { condition: 'completed', required: false }),
          listed: rest({ depends_on: ['good', 'base'] }),
          'listed-slow': rest({ depends_on: ['slow'] }),
          follows: on('base', { restart: true }),
          stays: on('base', { restart: false }),
        },
      },
    },
    { code: 'any', args: ['--wait-timeout', '1500ms'] },
  );

  test('depends_on.condition: started, healthy, completed, exited; in a list, by what the dependency is', async () => {
    const ready = ['started-slow', 'healthy-base', 'completed-good', 'exited-bad', 'listed', 'optional-bad'];
    const { organs } = await system().waitFor(({ organs: all }) => {
      const is = (organ: string, state: string) => all.some((row) => row.organ === organ && row.state === state);
      return is('bad', 'failed') && ready.every((organ) => is(organ, 'ready'));
    });
    const waiting = ['healthy-slow', 'completed-bad', 'listed-slow'];
    const states = organs.filter(({ organ }) => waiting.includes(organ)).map(({ state }) => state);
    expect(states).toEqual(waiting.map(() => 'waiting'));
  });

  test('depends_on.required: false does not block', async () => {
    expect((await system().instance('optional-bad')).state).toBe('ready');
  });

  test('depends_on.restart: whoever follows its dependency restarts with it', async () => {
    const before = [await system().instance('follows'), await system().instance('stays')];
    await system().expect(0, ['restart', 'base']);
    await system().waitFor(({ organs }) =>
      organs.some(({ organ, state, pid }) => organ === 'follows' && state === 'ready' && pid !== before[0]!.pid),
    );
    expect((await system().instance('stays')).pid).toBe(before[1]!.pid);
  });
});

describe('boot', () => {
  test('boot.steps: one after the other, by name, though nothing depends on anything', async () => {
    await using system = await rig.system({
      yaml: {
        boot: {
          steps: [
            { name: 'The base', organs: ['zeta'] },
            { name: 'The rest', organs: ['alpha'] },
          ],
        },
        organs: { alpha: quiet(), zeta: quiet({ command: 'sleep 0.3; echo ready; exec sleep 1000' }), free: quiet() },
      },
    });
    await system.expect(0, ['up', '-d']);
    await system.waitForEvent(({ type }) => type === 'system-ready');
    const at = (type: string, organ: string) =>
      system.events.findIndex((event) => event.type === type && event.organ === organ);
    expect(at('organ-starting', 'alpha')).toBeGreaterThan(at('organ-ready', 'zeta'));
    expect(at('organ-starting', 'free')).toBeLessThan(at('organ-ready', 'zeta'));
    const steps = system.events.filter(({ type }) => type === 'boot-step').map(({ message }) => message);
    for (const name of ['The base', 'The rest', 'Health and security monitoring', 'Comprehensive checks']) {
      expect(
        steps.some((message) => message.includes(name)),
        name,
      ).toBe(true);
    }
  });

  test('boot.timeout: for the whole of it; what runs keeps running, and there is no emergency', async () => {
    await using system = await rig.system({
      yaml: {
        boot: { timeout: '700ms' },
        organs: { web: quiet(), slow: rest({ health: { log: 'never' }, critical: true }) },
      },
    });
    await system.expect(1, ['up', '-d']);
    const { system: whole, organs } = await system.status();
    expect(whole.phase).toBe('boot-failed');
    expect(organs[0]!.state).toBe('ready');
  });
});

describe('logs', () => {
  test('logs.max_size, .max_files, .compress, .merge: the system’s, and an organ’s own instead', async () => {
    const flood = {
      kind: 'task',
      command: 'yes "a line of some length, again and again" | head -c 400000; echo oops >&2; sleep 0.3',
    };
    await using system = await rig.system({
      yaml: {
        logs: { max_size: '60KB', max_files: 2, compress: 'gzip', merge: true },
        organs: {
          usual: flood,
          own: { ...flood, logs: { max_size: '20KB', max_files: 9, compress: 'none', merge: false } },
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    const files = (organ: string) => readdirSync(join(system.state.logs, organ));
    const rotated = (organ: string, ending: string) =>
      files(organ).filter((name) => new RegExp(`^${organ}\\.out\\.\\d+\\.${ending}$`).test(name));
    const sizes = (organ: string, ending: string) =>
      rotated(organ, ending).map((name) => statSync(join(system.state.logs, organ, name)).size);
    await expect.poll(() => rotated('usual', 'log\\.gz').length, { timeout: 10_000 }).toBeGreaterThanOrEqual(1);
    expect(rotated('usual', 'log(\\.gz)?').length).toBeLessThanOrEqual(2);
    expect(files('usual')).not.toContain('usual.err.log');
    expect(readFileSync(join(system.state.logs, 'usual/usual.out.log'), 'utf8')).toContain('oops');
    // Rotated by size and not by time, and kept as they were.
    expect(sizes('own', 'log').length).toBeGreaterThan(2);
    expect(sizes('own', 'log').length).toBeLessThanOrEqual(9);
    expect(Math.max(...sizes('own', 'log'))).toBeLessThanOrEqual(21_000);
    expect(readFileSync(join(system.state.logs, 'own/own.err.log'), 'utf8')).toBe('oops\n');
  });
});

describe('what is remembered', () => {
  test('retention.max_age, retention.max_size: what is older, or more, is deleted', async () => {
    await using system = await rig.system({ yaml: { organs: { web: rest() } } });
    await system.expect(0, ['up', '-d']);
    await system.expect(0, ['down']);
    const { default: Sqlite } = await import('better-sqlite3');
    const db = new Sqlite(system.state.database);
    const [columns] = [db.prepare('select * from event order by id desc limit 1').get() as Record<string, unknown>];
    const names = Object.keys(columns!).filter((name) => name !== 'id');
    const insert = db.prepare(
      `insert into event (${names.join(', ')}) values (${names.map((name) => `@${name}`).join(', ')})`,
    );
    const add = db.transaction((count: number, ts: string) => {
      for (let i = 0; i < count; i++) insert.run({ ...columns, ts, message: `planted ${'x'.repeat(1000)}` });
    });
    const old = new Date(Date.now() - 2 * 3_600_000).toISOString();
    const recent = new Date(Date.now() - 1_800_000).toISOString();
    add(10, old);
    add(6000, String(columns!.ts));
    db.close();
    const planted = async (condition: string) => {
      const sql = `select count(*) as n from events where message like 'planted%' and ${condition}`;
      const { stdout } = await system.expect(0, ['query', '--json', sql]);
      return (JSON.parse(stdout) as { n: number }[])[0]!.n;
    };
    expect([await planted(`ts < '${recent}'`), await planted(`ts > '${recent}'`)]).toEqual([10, 6000]);
    system.write('azora.yaml', JSON.stringify({ retention: { max_age: '1h' }, organs: { web: rest() } }));
    await system.expect(0, ['up', '-d']);
    await expect.poll(() => planted(`ts < '${recent}'`), { timeout: 10_000, interval: 300 }).toBe(0);
    expect(await planted(`ts > '${recent}'`)).toBe(6000);
    await system.expect(0, ['down']);
    system.write('azora.yaml', JSON.stringify({ retention: { max_size: '3MB' }, organs: { web: rest() } }));
    await system.expect(0, ['up', '-d']);
    await expect.poll(() => planted('true'), { timeout: 10_000, interval: 300 }).toBeLessThan(3500);
  });
});

test('route.prefix, .rate_limit, .auth: what the gateway makes of them', async () => {
  const organs = join(rig.program('answers.mjs'), '../../../organs');
  const shop = (route: object) => ({
    command: [rig.node, rig.program('answers.mjs')],
    ports: { http: 'auto' },
    health: { http: '/text' },
    route,
  });
  await using system = await rig.system({
    yaml: {
      organs: {
        gateway: {
          command: [rig.node, join(organs, 'api-gateway/main.ts')],
          ports: { http: 'auto' },
          health: { tcp: '${organs.gateway.port}' },
        },
        open: shop({ prefix: '/shop' }),
        closed: shop({ prefix: '/vault', auth: 'required' }),
        scarce: shop({ prefix: '/scarce', rate_limit: '2/m' }),
        apart: { command: 'sleep 1000' },
      },
    },
  });
  await system.expect(0, ['up', '-d']);
  const { url } = await system.instance('gateway');
  const statusOf = async (path: string) => (await fetch(`${url}${path}`)).status;
  await expect.poll(() => statusOf('/shop/text'), { timeout: 10_000 }).toBe(200);
  await expect.poll(() => statusOf('/vault/text'), { timeout: 10_000 }).toBe(401);
  expect(await statusOf('/open/text')).toBe(404);
  await expect.poll(() => statusOf('/scarce/nowhere'), { timeout: 10_000 }).not.toBe(502);
  const answered = [];
  for (let i = 0; i < 4; i++) answered.push(await statusOf('/scarce/text'));
  expect(answered.at(-1)).toBe(429);
  for (let i = 0; i < 4; i++) expect(await statusOf('/shop/text')).toBe(200);
});
