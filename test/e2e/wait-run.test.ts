import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { quiet } from './rig/organs.ts';
import { rig } from './rig.ts';

describe('wait', () => {
  test('what is there already is told at once; a task answers with its code', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          web: quiet(),
          good: { kind: 'task', command: 'true' },
          bad: { kind: 'task', command: 'exit 7' },
          broken: { kind: 'task', command: 'kill -9 $$$$; :' },
        },
      },
    });
    await system.run(['up', '-d']);
    await system.expect(0, ['wait', 'web']);
    await system.expect(0, ['wait', '--for', 'healthy', 'web']);
    await system.expect(0, ['wait', 'web', 'good']);
    const bad = await system.expect(7, ['wait', 'bad']);
    expect(bad.stderr).toContain('bad is failed');
    await system.expect(137, ['wait', '--for', 'completed', 'broken']);
    await system.expect(2, ['wait', 'wbe']);
    await system.expect(2, ['wait', '--for', 'tea', 'web']);
  });

  test('ends the moment it has come to that: ready, completed, stopped, down', async () => {
    await using system = await rig.system({
      yaml: { organs: { web: rig.puppet({ health: { log: '^ready$' } }), job: rig.puppet({ kind: 'task' }) } },
    });
    const up = system.start(['up', '-d']);
    await system.puppet('web').connected();
    const ready = system.start(['wait', '--for', 'healthy', 'web']);
    const done = system.start(['wait', 'job']);
    const late = await system.expect(124, ['wait', '--timeout', '300ms', 'web']);
    expect(late.stderr).toContain('web is starting');
    await system.puppet('web').order({ ready: 'log' });
    expect(await ready.finished()).toMatchObject({ code: 0 });
    await system.puppet('job').order({ exit: 3 });
    expect(await done.finished()).toMatchObject({ code: 3 });
    await up.finished();

    const stopped = system.start(['wait', '--for', 'stopped', 'web']);
    const never = system.start(['wait', '--for', 'completed', 'web']);
    await system.run(['stop', 'web']);
    expect(await stopped.finished()).toMatchObject({ code: 0 });
    expect(await never.finished()).toMatchObject({ code: 1 });
    await system.expect(0, ['down']);
    await system.expect(3, ['wait', 'web']);
    await system.expect(0, ['wait', '--for', 'stopped', 'web']);
  });

  test('who waits for one that failed for good is told why, and so is a wait that outlives its supervisor', async () => {
    await using system = await rig.system({
      yaml: {
        organs: {
          db: { command: 'exit 4', restart: 'never', health: { log: '^never$' } },
          web: quiet({ depends_on: ['db'] }),
          slow: rig.puppet({ health: { log: '^ready$' } }),
        },
      },
    });
    const up = system.start(['up', '-d']);
    await system.puppet('slow').connected();
    const { stderr } = await system.expect(1, ['wait', 'web']);
    expect(stderr).toMatch(/web is waiting \(.*db.*\): it will not be ready/);
    const wait = system.start(['wait', 'slow']);
    const { system: before } = await system.waitFor(({ organs }) =>
      organs.some(({ organ, pid }) => organ === 'slow' && pid),
    );
    process.kill(before.pid!, 'SIGKILL');
    await system.waitFor(({ system: { pid } }) => pid !== before.pid);
    await system.puppet('slow').order({ ready: 'log' });
    expect(await wait.finished()).toMatchObject({ code: 0 });
    await up.finished();
  });
});

describe('run', () => {
  const organs = {
    web: quiet({
      cwd: 'site',
      env: { COLOUR: 'blue', DB: '${organs.db.url}' },
      ports: { http: 'auto' },
      depends_on: ['db'],
    }),
    db: quiet({ ports: { sql: 'auto' } }),
    tool: quiet({ profiles: ['ops'], env: { DB: '${organs.db.port}' } }),
    own: { command: 'echo "own: $PORT $AZORA_INSTANCE"; exit 5', ports: { http: 'auto' }, autostart: false },
  };
  const files = { 'site/here.txt': '' };

  test.each([
    ['running', true],
    ['not running', false],
  ])('in the place of an organ, with the system %s', async (_, running) => {
    await using system = await rig.system({ yaml: { organs, registry: { port: 'auto' } }, files });
    if (running) await system.expect(0, ['up', '-d']);
    const { stdout } = await system.expect(0, ['run', 'web', '--', 'sh', '-c', 'pwd; ls; env']);
    expect(stdout.startsWith(`${system.path('site')}\nhere.txt\n`)).toBe(true);
    const env = Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2))) as Record<
      string,
      string
    >;
    expect(env).toMatchObject({ COLOUR: 'blue', AZORA_ORGAN: 'web', AZORA_INSTANCE: 'web' });
    expect(env.DB).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(env.DB_URL).toBe(env.DB);
    expect(env.AZORA_TOKEN).toBeUndefined();
    expect(env.AZORA_COOKIE).toBeUndefined();
    if (running) {
      const web = await system.instance('web');
      expect(env).toMatchObject({ PORT: String(web.ports.http), DB: (await system.instance('db')).url! });
      expect(env.AZORA_REGISTRY_URL).toBe((await system.status()).system.registryUrl);
      expect((await system.expect(0, ['run', 'tool', '--', 'sh', '-c', 'echo $DB'])).stdout).toBe(
        `${(await system.instance('db')).ports.sql}\n`,
      );
    } else {
      expect(env.AZORA_REGISTRY_URL).toBeUndefined();
      expect(env.AZORA_BOOT_ID).toBeUndefined();
      await system.expect(0, ['run', 'tool', 'true']);
    }
    const own = await system.expect(5, ['run', 'own']);
    expect(own.stdout).toMatch(/^own: \d+ own\n$/);
    await system.expect(9, ['run', 'web', 'sh', '-c', 'exit 9']);
    await system.expect(143, ['run', 'web', '--', 'sh', '-c', 'kill -TERM $$']);
    await system.expect(127, ['run', 'web', '--', 'no-such-command-here']);
    await system.expect(126, ['run', 'web', '--', '/etc/passwd']);
    await system.expect(2, ['run', 'wbe', '--', 'true']);
  });

  test('signals go on to it, and its end is the end of azora run', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    const script = 'trap "echo got-term > got; exit 42" TERM; echo ready > up; while :; do sleep 0.05; done';
    const run = system.start(['run', 'web', '--', 'sh', '-c', script]);
    for (;;) {
      try {
        if (readFileSync(system.path('up'), 'utf8') === 'ready\n') break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 10)); // Not written yet.
      }
    }
    run.signal('SIGTERM');
    expect(await run.finished()).toMatchObject({ code: 42 });
    expect(readFileSync(system.path('got'), 'utf8')).toBe('got-term\n');
  });
});
