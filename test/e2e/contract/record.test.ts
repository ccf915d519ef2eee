import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EVENT_TYPES } from '../../../src/core/events.ts';
import { rig } from '../rig.ts';
import { answers, booted, rest, written } from './shared.ts';

/** What scripts read: the fields of status, the views of the database, the events. */

const FIELDS = [
  'organ, instance, replica, category, kind, critical, desired',
  'state, health, reason, pid, startedAt, uptimeMs, restarts, errors',
  'exit, ports, url, cpuPercent, rssBytes, lastCheckAt, latencyMs, metrics',
].flatMap((line) => line.split(', '));
/** Their columns, in the snake_case of the names in JSON. */
const VIEWS: Readonly<Record<string, string>> = {
  organs: 'organ, category, kind, critical, desired, config',
  instances:
    'organ, instance, replica, state, health, reason, pid, started_at, restarts, errors, exit_code, exit_signal, port',
  health: 'instance, health, checked_at, latency_ms, message',
  health_history: 'instance, health, checked_at, latency_ms, message',
  events: 'id, ts, boot_id, type, organ, instance, message, data',
  boots: 'boot_id, started_at',
  exits: 'instance, code, signal, at, cause',
  checks: 'name, organ, passed',
  metrics: 'instance, name, value, at',
};

const system = booted(
  {
    yaml: {
      name: 'books',
      health: { interval: '150ms' },
      checks: [
        { name: 'fine', exec: 'true' },
        { name: 'ill', exec: 'false' },
      ],
      organs: {
        web: answers({
          category: 'Shops',
          critical: true,
          command: [
            rig.node,
            '-e',
            `require('http').createServer((_, r) => r.end('{"status":"ok","metrics":{"queue":7}}')).listen(process.env.PORT, '127.0.0.1')`,
          ],
          health: { http: '/' },
        }),
        flaky: { command: 'sleep 0.3; kill -9 $$$$', restart: { delay: '20ms', jitter: 0, limit: 2 } },
        job: { kind: 'task', command: 'exit 0' },
        held: rest({ autostart: false }),
      },
    },
  },
  { code: 1 },
);

const rows = async (sql: string) =>
  JSON.parse((await system().expect(0, ['query', '--json', sql])).stdout) as Record<string, unknown>[];

describe('status --json', () => {
  test('every field of an instance is there, and is true', async () => {
    const { organs } = await system().waitFor(
      (status) =>
        status.organs.some(({ organ, state }) => organ === 'flaky' && state === 'failed') &&
        status.organs.some(({ organ, metrics }) => organ === 'web' && metrics.queue === 7),
    );
    const [web, flaky, job, held] = organs;
    expect(Object.keys(web!).toSorted()).toEqual(FIELDS.toSorted());
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const number = expect.any(Number);
    expect(web).toMatchObject({
      organ: 'web',
      instance: 'web',
      replica: 1,
      category: 'Shops',
      kind: 'service',
      critical: true,
      desired: 'up',
      state: 'ready',
      health: 'Healthy',
      reason: null,
      startedAt: time,
      uptimeMs: number,
      restarts: 0,
      errors: 0,
      exit: null,
      lastCheckAt: time,
      latencyMs: number,
      metrics: { queue: 7 },
    });
    expect(system().isAlive(web!.pid!)).toBe(true);
    expect(web!.rssBytes).toBeGreaterThan(10_000_000);
    expect(web!.uptimeMs).toBeLessThan(60_000);
    expect((await fetch(web!.url!)).status).toBe(200);
    expect(web!.url).toBe(`http://127.0.0.1:${web!.ports.http}`);
    await system().waitFor((status) => typeof status.organs[0]!.cpuPercent === 'number');
    expect(flaky).toMatchObject({
      state: 'failed',
      health: 'Critical',
      reason: expect.stringContaining('SIGKILL'),
      pid: null,
      restarts: 2,
      errors: 3,
      exit: { code: null, signal: 'SIGKILL', at: time },
    });
    expect(job).toMatchObject({ kind: 'task', state: 'completed', exit: { code: 0, signal: null, at: time } });
    expect(held).toMatchObject({ desired: 'down', state: 'stopped', health: 'Unknown', reason: 'autostart is false' });
  });

  test('every field of the system is there, and is true', async () => {
    const { version, system: whole } = await system().status();
    expect(version).toBe(1);
    expect(whole).toEqual({
      name: 'books',
      phase: 'ready',
      status: 'Critical',
      threatLevel: expect.stringMatching(/^(None|Low)$/),
      bootId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      pid: expect.any(Number),
      keeperPid: expect.any(Number),
      startedAt: expect.any(String),
      uptimeMs: expect.any(Number),
      file: system().path('azora.yaml'),
      configHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      registryUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    });
    expect([whole.pid, whole.keeperPid].map((pid) => system().isAlive(pid!))).toEqual([true, true]);
  });
});

describe('the views', () => {
  test.each(Object.entries(VIEWS))('%s', async (view, columns) => {
    await system().waitFor((status) =>
      status.organs.some(({ organ, state }) => organ === 'flaky' && state === 'failed'),
    );
    await expect
      .poll(async () => (await rows(`select ${columns} from ${view}`)).length, { timeout: 10_000 })
      .toBeGreaterThan(0);
  });

  test('say what status says', async () => {
    const [web] = await rows("select * from instances where instance = 'web'");
    const shown = await system().instance('web');
    expect(web).toMatchObject({ pid: shown.pid, state: 'ready', port: shown.ports.http, started_at: shown.startedAt });
    expect(await rows("select code, signal, cause from exits where instance = 'flaky'")).toEqual(
      Array.from({ length: 3 }, () => ({ code: null, signal: 'SIGKILL', cause: 'its own' })),
    );
    expect(await rows("select value from metrics where name = 'queue' limit 1")).toEqual([{ value: 7 }]);
    expect(await rows('select name, passed from checks order by name')).toEqual([
      { name: 'fine', passed: 1 },
      { name: 'ill', passed: 0 },
    ]);
    expect((await rows('select * from health_history limit 3')).length).toBe(3);
    const organ = await rows("select organ, category, kind, critical from organs where organ = 'web'");
    expect(organ).toEqual([{ organ: 'web', category: 'Shops', kind: 'service', critical: 1 }]);
    const { system: whole } = await system().status();
    expect(await rows('select boot_id from boots')).toEqual([{ boot_id: whole.bootId }]);
  });
});

describe('the state folder', () => {
  test('is private, with the database, the logs and run/, and may be removed after down', async () => {
    await using other = await rig.system({
      yaml: { organs: { web: rest({ command: 'echo hello; exec sleep 1000' }) } },
    });
    await other.expect(0, ['up', '-d']);
    const mode = (path: string) => lstatSync(join(other.state.root, path)).mode & 0o777;
    expect(['.', 'run', 'logs'].map(mode)).toEqual([0o700, 0o700, 0o700]);
    expect(['azora.db', 'logs/web/web.out.log', 'run/supervisor.sock', 'run/keeper.sock'].map(mode)).toEqual([
      0o600, 0o600, 0o600, 0o600,
    ]);
    await other.expect(0, ['down']);
    const { rmSync } = await import('node:fs');
    rmSync(other.state.root, { recursive: true });
    await other.expect(0, ['up', '-d']);
  });
});

describe('events', () => {
  test('of every type there is one, each with what it is about', async () => {
    const stuck = 'organ-stuck'; // needs a process that not even SIGKILL ends: test/core/machine tells of it
    await using other = await rig.system({
      yaml: {
        registry: { port: 'auto' },
        security: { interval: '200ms', checks: [{ name: 'sealed', exec: 'test ! -e broken', severity: 'Low' }] },
        organs: {
          web: answers({ health: { http: '/as/web', interval: '100ms', failures: 2 } }),
          after: rest({ depends_on: ['web'] }),
          job: { kind: 'task', command: 'exit 0' },
          broken: { kind: 'task', command: 'exit 1' },
        },
      },
    });
    await other.expect(1, ['up', '-d']);
    other.write('broken', '');
    await other.waitForEvent(({ type }) => type === 'security-alert');
    other.write('web.fails', '');
    await other.waitForEvent(({ type, organ }) => type === 'organ-restarting' && organ === 'web');
    const { unlinkSync } = await import('node:fs');
    unlinkSync(other.path('web.fails'));
    await other.waitFor(({ organs }) => organs.find(({ organ }) => organ === 'web')!.state === 'ready');
    const { system: before } = await other.status();
    process.kill(before.pid!, 'SIGKILL');
    await other.waitForEvent(({ type }) => type === 'organ-adopted');
    const file = (more: object) =>
      other.write('azora.yaml', JSON.stringify({ boot: { timeout: '300ms' }, organs: { web: rest(more) } }));
    file({});
    await other.expect(0, ['reload']);
    file({ critical: true, health: { log: 'never' } });
    await other.expect(0, ['down']);
    await other.expect(1, ['up', '-d']);
    process.kill((await other.status()).system.keeperPid!, 'SIGKILL');
    await other.waitForEvent(({ type, message }) => type === 'warning' && message.includes('the keeper was killed'));
    await other.expect(0, ['emergency', 'enough']);
    const { stdout } = await other.expect(0, ['events', '--json']);
    const events = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { type: string; message: string; organ: string | null });
    const seen = new Set(events.map(({ type }) => type));
    expect(EVENT_TYPES.filter((type) => !seen.has(type))).toEqual([stuck]);
    const aboutOrgans = events.filter(({ type }) => type.startsWith('organ-') || type === 'health-changed');
    expect(aboutOrgans.filter(({ organ, message }) => organ === null || !message.includes(organ))).toEqual([]);
  });
});

describe('the registry', () => {
  test('an organ registers a service with its token, keeps it by heartbeats, and takes it away', async () => {
    await using other = await rig.system({
      yaml: {
        organs: {
          web: rest({ command: 'echo "$AZORA_TOKEN" > token; exec sleep 1000' }),
          server: answers({ category: 'Shops' }),
        },
      },
    });
    await other.expect(0, ['up', '-d']);
    const { registryUrl } = (await other.status()).system;
    const authorization = `Bearer ${(await written(other, 'token')).trim()}`;
    const ask = async (method: string, path: string, body?: object, headers: object = { authorization }) => {
      const response = await fetch(`${registryUrl}${path}`, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      const text = await response.text();
      return { status: response.status, json: text === '' ? null : JSON.parse(text) };
    };
    const service = { name: 'wallets', url: 'http://127.0.0.1:9/w', ttl: '700ms', metadata: { kind: 'hot' } };
    expect(await ask('POST', '/register', service, {})).toMatchObject({
      status: 401,
      json: { error: expect.any(String) },
    });
    expect((await ask('POST', '/register', service)).status).toBeLessThan(300);
    expect((await ask('GET', '/services')).json).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'wallets', metadata: { kind: 'hot' } }),
        expect.objectContaining({ name: 'server', category: 'Shops', url: (await other.instance('server')).url }),
      ]),
    );
    expect((await ask('PUT', '/services/wallets/heartbeat')).status).toBe(200);
    await expect
      .poll(async () => (await ask('GET', '/services/wallets')).json.health, { timeout: 5_000 })
      .toBe('Critical');
    expect((await ask('DELETE', '/services/wallets')).status).toBeLessThan(300);
    expect(await ask('GET', '/services/wallets')).toMatchObject({ status: 404, json: { error: expect.any(String) } });
    expect((await ask('GET', '/health')).status).toBe(200);
    expect((await ask('POST', '/register', { ...service, metadata: { big: 'x'.repeat(70_000) } })).status).toBe(413);
  });
});
