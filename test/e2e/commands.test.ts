import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { quiet } from './rig/organs.ts';
import { rig } from './rig.ts';

describe('exit codes and messages', () => {
  test('usage, configuration and unknown organs are 2; nothing running is 3', async () => {
    await using system = await rig.system({ yaml: { organs: { mint: quiet(), web: quiet() } } });
    await system.expect(2, ['frobnicate']);
    await system.expect(2, ['up', '--no-such-option']);
    await system.expect(3, ['status']);
    const unknown = await system.expect(2, ['up', '-d', 'mintt']);
    expect(unknown.stderr).toMatch(/mintt/);
    expect(unknown.stderr).toMatch(/\bmint\b/);
    await system.expect(0, ['up', '-d']);
    await system.expect(2, ['stop', 'nobody']);
    await system.expect(2, ['status', 'nobody']);
    await system.expect(2, ['logs', 'nobody']);
  });

  test('status of a supervisor that is paused: says so, with what to do', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const { pid } = (await system.status()).system;
    process.kill(pid!, 'SIGSTOP');
    const asked = await system.run(['status']).finally(() => process.kill(pid!, 'SIGCONT'));
    expect(asked).toMatchObject({ code: 4, stdout: '' });
    expect(asked.stderr).toContain(`the supervisor (pid ${pid}) took the connection but said nothing for 5 s`);
    expect(asked.stderr).toContain(`kill -CONT ${pid}`);
    await system.expect(0, ['status']);
  });

  test.runIf(existsSync('/dev/full'))(
    'output that cannot be written is a failure, in a sentence; one that nobody reads is none',
    async () => {
      await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
      await system.expect(0, ['up', '-d']);
      const sh = (line: string) => system.run(['-c', line, rig.azora], { program: '/bin/sh' });
      for (const command of ['status', 'events']) {
        expect(await sh(`"$0" ${command} > /dev/full`)).toMatchObject({
          code: 1,
          stderr: expect.stringMatching(/^azora: what it has to say cannot be written: ENOSPC.*\n$/),
        });
        expect(await sh(`"$0" ${command} | true`)).toMatchObject({ code: 0, stdout: '', stderr: '' });
      }
    },
  );

  test('no file', async () => {
    await using system = await rig.system({ yaml: { organs: {} } });
    const { stderr } = await system.expect(2, ['-f', 'missing.yaml', 'up', '-d']);
    expect(stderr).toContain('missing.yaml');
  });

  test('every error of a file at once, each with its place; nothing is started', async () => {
    await using system = await rig.system({
      yaml: 'organs:\n  web:\n    comand: sleep 1000\n  db:\n    command: sleep 1000\n    depends_on: [wbe]\n',
    });
    for (const args of [
      ['config', '--check'],
      ['up', '-d'],
    ]) {
      const { stderr } = await system.expect(2, args);
      expect(stderr).toMatch(/azora\.yaml:3:5/);
      expect(stderr).toMatch(/command/);
      expect(stderr).toMatch(/azora\.yaml:6:\d+/);
      expect(stderr).toMatch(/web/);
    }
    await system.nothingLeftSoon();
  });

  test('piped output has no colours, and --json is one document', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    const up = await system.expect(0, ['up', '-d']);
    const table = await system.expect(0, ['status']);
    expect(up.stdout + up.stderr + table.stdout + table.stderr).not.toContain('\x1b');
    const { stdout, stderr } = await system.expect(0, ['status', '--json']);
    expect(() => JSON.parse(stdout)).not.toThrow();
    expect(stderr).toBe('');
  });
});

describe('status', () => {
  test('has the documented shape', async () => {
    await using system = await rig.system({
      yaml: {
        name: 'shape',
        organs: {
          mint: rig.puppet(
            { replicas: 2, category: 'Financial', ports: { http: 'auto' }, health: { http: '/healthz' } },
            ['--listen'],
          ),
          once: { kind: 'task', command: 'exit 0' },
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    const { version, system: whole, organs } = await system.status();
    expect(version).toBe(1);
    expect(Object.keys(whole).sort()).toEqual(
      'bootId configHash file keeperPid name phase pid registryUrl startedAt status threatLevel uptimeMs'.split(' '),
    );
    expect(whole).toMatchObject({ name: 'shape', phase: 'ready', status: 'Operational' });
    // Where the tests run as root the security monitor points that out, in its first round.
    expect(['None', 'Low']).toContain(whole.threatLevel);
    expect([whole.pid, whole.keeperPid].every((pid) => system.isAlive(pid!))).toBe(true);
    expect(whole.startedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(organs.map(({ instance, replica }) => [instance, replica])).toEqual([
      ['mint-1', 1],
      ['mint-2', 2],
      ['once', 1],
    ]);
    expect(Object.keys(organs[0]!).sort()).toEqual(
      'category cpuPercent critical desired errors exit health instance kind lastCheckAt latencyMs metrics organ pid ports reason replica restarts rssBytes startedAt state uptimeMs url'.split(
        ' ',
      ),
    );
    const [first, second, once] = organs;
    expect(first).toMatchObject({
      organ: 'mint',
      category: 'Financial',
      kind: 'service',
      desired: 'up',
      exit: null,
      restarts: 0,
    });
    expect(first!.ports.http).not.toBe(second!.ports.http);
    expect(first!.url).toBe(`http://127.0.0.1:${first!.ports.http}`);
    expect((await fetch(`${first!.url}/healthz`)).status).toBe(200);
    expect(once).toMatchObject({ state: 'completed', pid: null, exit: { code: 0, signal: null }, url: null });
    expect((await system.expect(0, ['status', '-q', 'mint'])).stdout).toBe('mint-1\nmint-2\n');
  });

  test('follows health: a body that warns degrades, one that fails is critical, and both pass again', async () => {
    const organ = rig.puppet(
      { ports: { http: 'auto' }, health: { http: '/healthz', interval: '100ms', restart: false } },
      ['--listen'],
    );
    await using system = await rig.system({ yaml: { organs: { web: organ } } });
    await system.expect(0, ['up', '-d']);
    const web = system.puppet('web');
    await system.expect(0, ['status', '--exit-code']);
    for (const [status, body, health, whole, code] of [
      [200, { status: 'warn', reason: 'queue is old', metrics: { queue: 12 } }, 'Degraded', 'Degraded', 1],
      [503, { status: 'fail', reason: 'chain is broken' }, 'Critical', 'Critical', 1],
      [200, { status: 'pass' }, 'Healthy', 'Operational', 0],
    ] as const) {
      await web.order({ health: { status, body } });
      const document = await system.waitFor(({ organs }) => organs[0]?.health === health);
      expect(document.system.status).toBe(whole);
      if ('reason' in body) expect(document.organs[0]!.reason).toContain(body.reason);
      if ('metrics' in body) expect(document.organs[0]!.metrics).toEqual(body.metrics);
      await system.expect(code, ['status', '--exit-code']);
    }
    expect(web.lives).toBe(1);
  });
});

describe('start, stop, restart', () => {
  test('stop ends one organ and says so; start brings it back; restart gives it a new process', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), other: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const before = await system.instance('web');
    const other = await system.instance('other');

    await system.expect(0, ['stop', 'web']);
    expect(system.isAlive(before.pid!)).toBe(false);
    expect(await system.instance('web')).toMatchObject({ state: 'stopped', desired: 'down', pid: null });
    const up = await system.expect(0, ['up', '-d']);
    expect(up.stderr).toContain('web');
    expect(await system.instance('web')).toMatchObject({ state: 'stopped' });

    await system.expect(0, ['start', 'web']);
    const started = await system.instance('web');
    expect(started).toMatchObject({ state: 'ready', desired: 'up' });

    await system.expect(0, ['restart', 'web']);
    const restarted = await system.instance('web');
    expect(restarted.state).toBe('ready');
    expect(restarted.pid).not.toBe(started.pid);
    expect(system.isAlive(started.pid!)).toBe(false);
    expect((await system.instance('other')).pid).toBe(other.pid);
  });

  test('up on a running system starts what is missing only; two at once have one owner', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), other: quiet() } } });
    const both = await Promise.all([system.run(['up', '-d']), system.run(['up', '-d'])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const before = await system.status();
    await system.expect(0, ['up', '-d']);
    const after = await system.status();
    expect(after.organs.map(({ pid }) => pid)).toEqual(before.organs.map(({ pid }) => pid));
    expect(after.system).toMatchObject({ pid: before.system.pid, bootId: before.system.bootId });
    const sleepers = system.processes().filter(({ command }) => command === 'sleep 1000');
    expect(sleepers).toHaveLength(2);
  });

  test('up of one organ brings what it needs, and no more', async () => {
    await using system = await rig.system({
      yaml: { organs: { db: quiet(), web: quiet({ depends_on: ['db'] }), other: quiet() } },
    });
    await system.expect(0, ['up', '-d', 'web']);
    const { organs } = await system.status();
    expect(organs.map(({ organ, state }) => `${organ} ${state}`)).toEqual(['db ready', 'web ready', 'other stopped']);
  });

  test('the supervisor killed: organs run on with their pids, what was stopped stays stopped, another takes over', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), other: quiet() } } });
    await system.expect(0, ['up', '-d']);
    await system.expect(0, ['stop', 'other']);
    const before = await system.status();
    process.kill(before.system.pid!, 'SIGKILL');
    const after = await system.waitFor(
      ({ system: { pid }, organs }) =>
        pid !== before.system.pid && organs.some(({ organ, state }) => organ === 'web' && state === 'ready'),
    );
    expect(after.system).toMatchObject({ keeperPid: before.system.keeperPid, bootId: before.system.bootId });
    expect(after.organs.map(({ organ, state, pid }) => [organ, state, pid])).toEqual([
      ['web', 'ready', before.organs[0]!.pid],
      ['other', 'stopped', null],
    ]);
  });
});

describe('how an up ends', () => {
  test('--exit-code-from: with the code of that task, everything down', async () => {
    await using system = await rig.system({
      yaml: { organs: { web: quiet(), job: { kind: 'task', command: 'sleep 0.2; exit 3', depends_on: ['web'] } } },
    });
    expect(await system.run(['up', '--exit-code-from', 'job'])).toMatchObject({ code: 3 });
    await system.expectNothingLeft();
  });

  test('--abort-on-failure: the first failure brings everything down', async () => {
    await using system = await rig.system({
      yaml: { organs: { web: quiet(), job: { kind: 'task', command: 'sleep 0.2; exit 3' } } },
    });
    expect(await system.run(['up', '--abort-on-failure'])).toMatchObject({ code: 1 });
    await system.expectNothingLeft();
  });

  test('--wait-timeout: 124, naming who is not there', async () => {
    await using system = await rig.system({
      yaml: { organs: { slow: { command: [rig.program('never-ready.sh')], health: { log: '^ready$' } } } },
    });
    const { stderr } = await system.expect(124, ['up', '-d', '--wait-timeout', '300ms']);
    expect(stderr).toContain('slow');
  });

  test('--no-deps starts what is named and nothing else', async () => {
    await using system = await rig.system({ yaml: { organs: { db: quiet(), web: quiet({ depends_on: ['db'] }) } } });
    await system.expect(0, ['up', '-d', '--no-deps', 'web']);
    const { organs } = await system.status();
    expect(organs.map(({ organ, state }) => `${organ} ${state}`)).toEqual(['db stopped', 'web ready']);
  });

  test('-d belongs to no terminal: a signal to the command that began it leaves the system alone', async () => {
    await using system = await rig.system({ yaml: { organs: { web: rig.puppet({ health: { log: '^ready$' } }) } } });
    const up = system.start(['up', '-d']);
    await system.puppet('web').connected();
    up.signal('SIGINT');
    expect(await up.finished()).toMatchObject({ code: 130 });
    await system.puppet('web').order({ ready: 'log' });
    await system.waitFor(({ system: { phase } }) => phase === 'ready');
    expect(system.puppet('web').lives).toBe(1);
  });
});
