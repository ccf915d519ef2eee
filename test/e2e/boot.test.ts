import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { History } from './rig/history.ts';
import { chain, quiet } from './rig/organs.ts';
import { rig, type System } from './rig.ts';

/** Everything that happened up to now, from the first event on. */
async function historyOf(system: System): Promise<History> {
  await system.waitForEvent(({ type }) => type === 'system-ready' || type === 'system-boot-failed');
  return new History(system.events);
}

function expectOrder(history: History, edges: readonly (readonly [before: string, after: string])[]): void {
  for (const [before, after] of edges) {
    const ready = history.ready(before).id;
    const started = history.first(after, 'organ-starting').id;
    expect([before, after, ready < started]).toEqual([before, after, true]);
  }
}

describe('organs start in the order of their dependencies', () => {
  test('a chain, by health over http', async () => {
    const organ = (more: object) =>
      rig.puppet({ ports: { http: 'auto' }, health: { http: '/healthz' }, ...more }, ['--listen']);
    await using system = await rig.system({ yaml: { organs: chain(['a', 'b', 'c', 'd'], organ) } });
    await system.expect(0, ['up', '-d']);
    expectOrder(await historyOf(system), [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'd'],
    ]);
    const { system: whole, organs } = await system.status();
    expect(whole).toMatchObject({ phase: 'ready', status: 'Operational' });
    expect(organs.map(({ state, health }) => `${state} ${health}`)).toEqual(new Array(4).fill('ready Healthy'));
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });

  test('a rhombus, step by step: each starts the moment its own conditions hold, and not before', async () => {
    const organ = (depends_on: string[]) => rig.puppet({ depends_on, health: { log: '^ready$' } });
    await using system = await rig.system({
      yaml: { organs: { a: organ([]), b: organ(['a']), c: organ(['a']), d: organ(['b', 'c']) } },
    });
    const up = system.start(['up', '-d']);
    await system.puppet('a').connected();
    expect([system.puppet('b').lives, system.puppet('c').lives]).toEqual([0, 0]);

    await system.puppet('a').order({ ready: 'log' });
    await Promise.all([system.puppet('b').connected(), system.puppet('c').connected()]);
    await system.puppet('b').order({ ready: 'log' });
    const { organs } = await system.waitFor((status) =>
      status.organs.some(({ organ, state }) => organ === 'b' && state === 'ready'),
    );
    expect(organs.find(({ organ }) => organ === 'd')).toMatchObject({
      state: 'waiting',
      reason: expect.stringContaining('c'),
    });
    expect(system.puppet('d').lives).toBe(0);

    await system.puppet('c').order({ ready: 'log' });
    await system.puppet('d').order({ ready: 'log' });
    expect(await up.finished()).toMatchObject({ code: 0 });
  });

  test('fan-out to seven and fan-in again', async () => {
    const seven = Array.from({ length: 7 }, (_, i) => `w${i + 1}`);
    const organs = {
      root: quiet(),
      ...Object.fromEntries(seven.map((name) => [name, quiet({ depends_on: ['root'] })])),
      sink: quiet({ depends_on: seven }),
    };
    await using system = await rig.system({ yaml: { organs } });
    await system.expect(0, ['up', '-d']);
    const history = await historyOf(system);
    expectOrder(history, [
      ...seven.map((name) => ['root', name] as const),
      ...seven.map((name) => [name, 'sink'] as const),
    ]);
    // All seven are under way before the first of them can be ready: they start together.
    const lastStart = Math.max(...seven.map((name) => history.first(name, 'organ-starting').id));
    const firstReady = Math.min(...seven.map((name) => history.ready(name).id));
    expect(lastStart).toBeLessThan(firstReady);
  });

  test('a one-shot task comes to its end before the service that needs it', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          migrate: { kind: 'task', command: 'sleep 0.2; echo done > migrated' },
          web: { command: 'test -e migrated && exec sleep 1000', depends_on: { migrate: { condition: 'completed' } } },
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    const history = await historyOf(system);
    expect(history.first('migrate', 'organ-completed').id).toBeLessThan(history.first('web', 'organ-starting').id);
    const { organs } = await system.status();
    expect(organs).toMatchObject([
      { organ: 'migrate', state: 'completed', exit: { code: 0, signal: null } },
      { organ: 'web', state: 'ready' },
    ]);
  });

  test('any language: redis, a daemon in C, a Python server and a shell loop, each after the one before is healthy', async (context) => {
    const folder = '.';
    const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
    const hasPython = spawnSync('python3', ['--version']).status === 0;
    const hasCompiler = spawnSync('cc', ['--version']).status === 0;
    for (const [there, what] of [
      [hasRedis, 'redis-server'],
      [hasPython, 'python3'],
      [hasCompiler, 'cc'],
    ] as const) {
      if (!there) console.warn(`left out: ${what} is not installed on this machine`);
    }
    const candidates: [boolean, string, object][] = [
      [
        hasRedis,
        'redis',
        {
          command: 'redis-server --port $PORT --bind 127.0.0.1 --save "" --daemonize no',
          ports: { redis: 'auto' },
          health: { exec: 'redis-cli -p $PORT ping', expect: { body: 'PONG' } },
        },
      ],
      [
        hasCompiler,
        'daemon',
        { command: './daemon', ports: { http: 'auto' }, health: { tcp: '${organs.daemon.port}' } },
      ],
      [
        hasPython,
        'python',
        {
          command: 'python3 -u -m http.server $PORT --bind 127.0.0.1',
          ports: { http: 'auto' },
          health: { http: '/azora.yaml' },
        },
      ],
      [true, 'loop', { command: 'while :; do echo tick; sleep 0.1; done', health: { log: '^tick$' } }],
    ];
    const there = candidates.filter(([isThere]) => isThere);
    const organs = Object.fromEntries(
      there.map(([, name, organ], i) => [
        name,
        { ...organ, cwd: folder, depends_on: i === 0 ? [] : [there[i - 1]![1]] },
      ]),
    );
    await using system = await rig.system({ yaml: { organs } });
    if (hasCompiler) execFileSync('cc', ['-o', system.path('daemon'), rig.program('daemon.c')]);
    await system.expect(0, ['up', '-d']);
    expectOrder(
      await historyOf(system),
      there.slice(1).map(([, name], i) => [there[i]![1], name] as const),
    );
    const status = await system.status();
    expect(status.organs.map(({ organ, health }) => [organ, health])).toEqual(
      there.map(([, name]) => [name, 'Healthy']),
    );
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
    context.annotate?.(`ran ${there.map(([, name]) => name).join(', ')}`);
  });
});

describe('readiness', () => {
  test('a line at 300 ms releases the dependents then', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          server: {
            command: 'sleep 0.3; echo "Server ready on port 1"; exec sleep 1000',
            health: { log: 'ready on port \\d+' },
          },
          client: quiet({ depends_on: ['server'] }),
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    const history = await historyOf(system);
    const ready = history.ready('server');
    expect(ready.data.how).toBe('log');
    expect(history.first('client', 'organ-waiting').id).toBeLessThan(ready.id);
    expect(history.first('client', 'organ-starting').id).toBeGreaterThan(ready.id);
  });

  test.each([
    ['fd', { fd: 3 }],
    ['ipc', { ipc: 'ready' }],
    ['port', { tcp: '${organs.web.port}' }],
  ] as const)('by %s', async (how, health) => {
    await using system = await rig.system({
      yaml: { organs: { web: rig.puppet({ health, ports: { http: 'auto' } }) } },
    });
    const up = system.start(['up', '-d']);
    await system.puppet('web').connected();
    const { organs } = await system.waitFor((status) => status.organs[0]?.state === 'starting');
    expect(organs[0]).toMatchObject({ health: 'Unknown' });
    await system.puppet('web').order({ ready: how });
    expect(await up.finished()).toMatchObject({ code: 0 });
    expect(await system.instance('web')).toMatchObject({ state: 'ready', health: 'Healthy' });
  });

  test('without a probe it is assumed, and said so', async () => {
    await using system = await rig.system({ yaml: { organs: { web: { command: 'exec sleep 1000' } } } });
    await system.expect(0, ['up', '-d']);
    const history = await historyOf(system);
    const took = History.between(history.first('web', 'organ-started'), history.first('web', 'organ-assumed-ready'));
    expect(took).toBeGreaterThanOrEqual(190);
  });

  test('verify holds the dependents back until it has passed', async () => {
    const verify = [{ name: 'is marked', exec: 'test -e mark' }];
    await using system = await rig.system({
      yaml: {
        organs: {
          good: quiet({ command: 'touch mark; echo ready; exec sleep 1000', verify }),
          after: quiet({ depends_on: ['good'] }),
          bad: quiet({ verify: [{ name: 'finds gold', exec: 'echo only sand >&2; exit 4' }], restart: 'never' }),
        },
      },
    });
    const up = await system.expect(1, ['up', '-d']);
    expect(up.stderr).toContain('finds gold');
    const { organs } = await system.status();
    expect(organs.map(({ organ, state }) => [organ, state])).toEqual([
      ['good', 'ready'],
      ['after', 'ready'],
      ['bad', 'failed'],
    ]);
  });
});

describe('what goes wrong is named', () => {
  test('a dependency that fails: the culprit, its code, its last 20 lines, what it kept from starting', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          db: {
            command: [rig.program('exits-at-once.sh'), '7'],
            restart: 'never',
            critical: true,
            health: { log: 'never' },
          },
          web: quiet({ depends_on: ['db'] }),
          shop: quiet({ depends_on: ['web'] }),
          other: quiet(),
        },
      },
    });
    const { stderr } = await system.expect(1, ['up', '-d']);
    expect(stderr).toMatch(/db.*\b7\b/);
    for (let line = 11; line <= 30; line++) expect(stderr).toContain(`line ${line}: no database`);
    expect(stderr).not.toContain('line 10: no database');
    expect(stderr).toMatch(/web.*shop|shop.*web/s);
    expect(stderr).toMatch(/azora (logs|status|start|up|why|down)/);
    const { system: whole, organs } = await system.waitFor((status) =>
      status.organs.some(({ organ, state }) => organ === 'other' && state === 'ready'),
    );
    expect(whole.phase).toBe('boot-failed');
    expect(organs).toMatchObject([
      { organ: 'db', state: 'failed', health: 'Critical', exit: { code: 7 } },
      { organ: 'web', state: 'waiting', reason: expect.stringContaining('db') },
      { organ: 'shop', state: 'waiting', reason: expect.stringContaining('web') },
      { organ: 'other', state: 'ready' },
    ]);
  });

  test('a failed task keeps its service waiting', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          migrate: { kind: 'task', command: 'echo no schema >&2; exit 3' },
          web: quiet({ critical: true, depends_on: { migrate: { condition: 'completed' } } }),
        },
      },
    });
    const { stderr } = await system.expect(1, ['up', '-d', '--wait-timeout', '20s']);
    expect(stderr).toMatch(/migrate.*\b3\b/);
    expect(stderr).toContain('no schema');
    expect(await system.instance('web')).toMatchObject({
      state: 'waiting',
      reason: expect.stringContaining('migrate'),
    });
  });

  test('one that is never ready is a failed start, and its process is gone', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          slow: {
            command: [rig.program('never-ready.sh')],
            health: { log: '^ready$', start_timeout: '500ms' },
            restart: 'never',
            critical: true,
          },
        },
      },
    });
    const { stderr } = await system.expect(1, ['up', '-d']);
    expect(stderr).toMatch(/slow.*not ready.*500 ms/s);
    expect(stderr).toContain('still starting');
    await system.waitFor(({ organs }) => organs[0]?.state === 'failed');
    expect(system.processes().filter(({ command }) => command.includes('sleep'))).toEqual([]);
  });

  const slow = {
    command: 'for i in $(seq 30); do echo "attempt $i: no database"; done; exec sleep 1000',
    health: { log: '^ready$' },
  };
  const crashing = { command: 'echo "no licence"; exit 4', restart: { delay: '20ms', max_delay: '20ms', limit: 1000 } };
  const organs = { slow, crashing, web: quiet({ depends_on: ['slow'] }) };

  test.each([
    ['boot.timeout', 1, { timeout: '1s' }, []],
    ['--wait-timeout', 124, {}, ['--wait-timeout', '1s']],
  ] as const)('%s: whose turn it was, their last 20 lines, whom they keep waiting', async (name, code, boot, more) => {
    await using system = await rig.system({ yaml: { boot, organs } });
    const { stderr } = await system.expect(code, ['up', '-d', ...more]);
    expect(stderr).toContain(name);
    for (let line = 11; line <= 30; line++) expect(stderr).toContain(`| attempt ${line}: no database`);
    expect(stderr).not.toContain('attempt 10: no database');
    expect(stderr).toContain('| no licence');
    expect(stderr).toMatch(/kept from starting: web/);
    expect(stderr).toMatch(/azora (why slow|status)/);
  });

  test('a cycle is printed as its whole path, and nothing is started', async () => {
    const organ = (depends_on: string[]) => ({ command: 'touch started; exec sleep 1000', depends_on });
    await using system = await rig.system({
      yaml: { organs: { a: organ(['b']), b: organ(['c']), c: organ(['a']), free: organ([]) } },
    });
    const { stderr } = await system.expect(2, ['up', '-d']);
    expect(stderr).toMatch(/a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c/);
    expect(existsSync(system.path('started'))).toBe(false);
    await system.nothingLeftSoon();
  });

  test.each([
    ['a command that does not exist', { command: 'no-such-command-here' }, /no-such-command-here.*not found in PATH/],
    ['a file that is not executable', { command: ['./data'] }, /data.*not executable/],
    ['a folder that does not exist', { command: 'true', cwd: 'nowhere' }, /nowhere.*no such folder/],
    [
      'a bad shebang',
      { command: ['./script'] },
      /script: its first line names the interpreter \/usr\/bin\/pyton3, which does not exist/,
    ],
  ])('%s fails at once, without a restart', async (_, organ, message) => {
    await using system = await rig.system({
      yaml: { organs: { web: { ...organ, critical: true } } },
      files: { data: 'x', script: '#!/usr/bin/pyton3\n' },
    });
    const { stderr } = await system.expect(1, ['up', '-d']);
    expect(stderr).toMatch(message);
    expect(await system.instance('web')).toMatchObject({ state: 'failed', restarts: 0, health: 'Critical' });
  });
});

test('an organ that dies is started again, and the restarts are counted', async () => {
  await using system = await rig.system({
    yaml: { organs: { web: rig.puppet({ health: { log: '^ready$' }, restart: { policy: 'always', delay: '10ms' } }) } },
  });
  const up = system.start(['up', '-d']);
  const web = system.puppet('web');
  await web.order({ ready: 'log' });
  await up.finished();
  const first = await web.connected();
  await web.order({ exit: 7 });
  const second = await web.connected(2);
  expect(second).not.toBe(first);
  await web.order({ ready: 'log' });
  const { organs } = await system.waitFor(
    (status) => status.organs[0]?.state === 'ready' && status.organs[0].restarts === 1,
  );
  expect(organs[0]).toMatchObject({ pid: second, restarts: 1, exit: { code: 7 } });
});

test('one that is ready and then dies, again and again, is failed for good once its limit is reached', async () => {
  const restart = { policy: 'always', delay: '10ms', limit: 2, window: '1m' };
  const organ = { command: [rig.program('ready-then-dies.sh'), '0.05'], health: { log: '^ready$' }, restart };
  await using system = await rig.system({ yaml: { organs: { web: organ, client: quiet({ depends_on: ['web'] }) } } });
  await system.run(['up', '-d']);
  const { organs } = await system.waitFor((status) => status.organs[0]?.state === 'failed');
  expect(organs[0]).toMatchObject({ restarts: 2, health: 'Critical', exit: { code: 9 } });
  const history = new History(system.events);
  expect(history.of('web').filter(({ type }) => type === 'organ-exited')).toHaveLength(3);
  expect(history.first('web', 'organ-failed').message).toMatch(/2 restarts|limit/);
});
