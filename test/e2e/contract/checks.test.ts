import { describe, expect, test } from 'vitest';
import type { SystemEvent } from '../../../src/core/events.ts';
import type { InstanceStatus } from '../../../src/core/status.ts';
import { rig } from '../rig.ts';
import { answers, booted, rest, seenBy } from './shared.ts';

/**
 * Each key of a check, in each of the four places where one can stand. Of every key there is one check that passes and one that fails,
 * and both would turn out otherwise if the key were ignored.
 */

const server = (path: string) => `\${organs.server.url}${path}`;
const CASES: readonly (readonly [key: string, passes: object, fails: object])[] = [
  ['http', { http: server('/status/204') }, { http: server('/status/500') }],
  ['http.path', { http: { path: server('/text') } }, { http: { path: server('/nowhere') } }],
  [
    'http.method',
    { http: { path: server('/method'), method: 'POST' } },
    { http: { path: server('/method'), method: 'PUT' } },
  ],
  [
    'http.headers',
    { http: { path: server('/header'), headers: { 'x-key': 'open' } } },
    { http: { path: server('/header'), headers: { 'x-key': 'shut' } } },
  ],
  [
    'http.body',
    { http: { path: server('/body'), method: 'PUT', body: { say: 'ping' } } },
    { http: { path: server('/body'), method: 'PUT', body: 'pong' } },
  ],
  ['tcp', { tcp: '${organs.server.host}:${organs.server.port}' }, { tcp: '127.0.0.1:1' }],
  ['exec', { exec: 'test -e azora.yaml' }, { exec: 'test -e nothing' }],
  [
    'expect.status',
    { http: server('/status/418'), expect: { status: [404, 418] } },
    { http: server('/status/200'), expect: { status: 201 } },
  ],
  [
    'expect.json',
    { http: server('/json'), expect: { json: { 'chain.valid': true, dimensions: '>= 11' } } },
    { http: server('/json'), expect: { json: { 'chain.valid': true, dimensions: '>= 13' } } },
  ],
  [
    'expect.body',
    { exec: 'echo all is well', expect: { body: 'is well' } },
    { http: server('/text'), expect: { body: 'is ill' } },
  ],
  ['expect.exit_code', { exec: 'exit 3', expect: { exit_code: 3 } }, { exec: 'true', expect: { exit_code: 3 } }],
  ['timeout', { http: server('/slow/100'), timeout: '5s' }, { http: server('/slow/2000'), timeout: '150ms' }],
];
/** What a probe has no key for. */
const NOT_OF_HEALTH = ['http.headers', 'http.body'];
const HEALTH = CASES.filter(([key]) => !NOT_OF_HEALTH.includes(key));
const slug = (key: string) => key.replace(/\W/g, '-').replace(/_/g, '-');
const named = (which: 'passes' | 'fails') =>
  CASES.map(([key, passes, fails]) => ({ name: `${key} ${which}`, ...(which === 'passes' ? passes : fails) }));

const quick = { restart: 'never', depends_on: { server: { condition: 'healthy' } } };
const early = { start_timeout: '1500ms' };
const organs = {
  server: answers(),
  ...Object.fromEntries(
    CASES.flatMap(([key, passes, fails]) => [
      [`verify-${slug(key)}-passes`, rest({ verify: [passes], ...quick })],
      [`verify-${slug(key)}-fails`, rest({ verify: [{ name: `of ${key}`, ...fails }], ...quick })],
    ]),
  ),
  ...Object.fromEntries(
    HEALTH.flatMap(([key, passes, fails]) => [
      [`health-${slug(key)}-passes`, rest({ health: passes, ...quick })],
      [`health-${slug(key)}-fails`, rest({ health: { ...fails, ...early }, ...quick })],
    ]),
  ),
};

const system = booted(
  {
    yaml: {
      checks: [
        ...named('passes'),
        ...named('fails'),
        { name: 'with organ', organ: 'server', http: '/text' },
        { name: 'of organ', organ: 'server', exec: 'test "$AZORA_ORGAN" = server' },
        { name: 'of no organ', exec: 'test "$AZORA_ORGAN" = server' },
      ],
      security: {
        interval: '300ms',
        checks: [
          ...named('passes'),
          ...named('fails'),
          { name: 'with organ', organ: 'server', http: '/nowhere' },
          { name: 'grave', exec: 'exit 1', severity: 'Low', remedy: 'pull the plug' },
          { name: 'often', exec: 'echo x >> rounds' },
        ],
      },
      organs,
    },
  },
  { code: 1 },
);

describe('checks', () => {
  const report = async () => {
    const { stdout } = await system().expect(1, ['check', '--json']);
    const document = JSON.parse(stdout) as {
      version: number;
      passed: boolean;
      checks: { name: string; organ: string | null; passed: boolean }[];
    };
    return { document, passed: new Map(document.checks.map(({ name, passed }) => [name, passed])) };
  };

  test('checks: name, http, tcp, exec, expect, timeout, each as it is written', async () => {
    const { document, passed } = await report();
    expect(document).toMatchObject({ version: 1, passed: false });
    const wrong = CASES.filter(([key]) => passed.get(`${key} passes`) !== true || passed.get(`${key} fails`) !== false);
    expect(wrong.map(([key]) => key)).toEqual([]);
    expect(document.checks[0]).toEqual({
      name: 'http passes',
      organ: null,
      passed: true,
      durationMs: expect.any(Number),
      message: expect.any(String),
    });
  });

  test('checks.organ: whose port a path is about, and whose environment a command gets', async () => {
    const { document, passed } = await report();
    expect([passed.get('with organ'), passed.get('of organ'), passed.get('of no organ')]).toEqual([true, true, false]);
    expect(document.checks.find(({ name }) => name === 'with organ')!.organ).toBe('server');
  });

  test('they are run at the end of the boot, whose event counts them', async () => {
    const event = await system().waitForEvent(({ type }) => type === 'checks-completed');
    expect(event.data.passed).toBe(false);
  });
});

describe('security.checks', () => {
  const idOf = (event: SystemEvent) => (event.data.finding as { id?: string } | undefined)?.id ?? '';
  const isAlert = (name: string) => (event: SystemEvent) =>
    event.type === 'security-alert' && idOf(event) === `check:${name}`;

  test('security.checks: each key as it is written; one that fails is a finding', async () => {
    for (const [key] of CASES) await system().waitForEvent(isAlert(`${key} fails`));
    await system().waitForEvent(isAlert('with organ'));
    const found = system()
      .events.map(idOf)
      .filter((id) => id.endsWith(' passes'));
    expect(found).toEqual([]);
  });

  test('security.checks.severity, .remedy: what the finding carries; High when none is given', async () => {
    const grave = await system().waitForEvent(isAlert('grave'));
    expect(grave.data.finding).toMatchObject({ severity: 'Low', remedy: 'pull the plug' });
    const usual = await system().waitForEvent(isAlert('http fails'));
    expect(usual.data.finding).toMatchObject({ severity: 'High' });
  });

  test('security.interval: a round every so often', async () => {
    const { readFileSync } = await import('node:fs');
    await expect
      .poll(() => readFileSync(system().path('rounds'), 'utf8').length, { timeout: 10_000 })
      .toBeGreaterThan(6);
  });
});

let settled: Promise<Map<string, InstanceStatus>> | null = null;
/** By name, once nobody is on the way any more: everything has one life. */
const end = async (organ: string): Promise<InstanceStatus> => {
  settled ??= system()
    .waitFor(({ organs: all }) => all.every(({ state }) => state === 'ready' || state === 'failed'))
    .then(({ organs: all }) => new Map(all.map((row) => [row.organ, row])));
  return (await settled).get(organ)!;
};

describe('verify', () => {
  test.each(CASES.map(([key]) => [key]))('verify: %s', async (key) => {
    expect(await end(`verify-${slug(key)}-passes`)).toMatchObject({ state: 'ready' });
    const failed = await end(`verify-${slug(key)}-fails`);
    expect(failed).toMatchObject({ state: 'failed', reason: expect.stringContaining(`verify "of ${key}" failed`) });
  });
});

describe('health', () => {
  test.each(HEALTH.map(([key]) => [key]))('health: %s', async (key) => {
    expect(await end(`health-${slug(key)}-passes`)).toMatchObject({ state: 'ready', health: 'Healthy' });
    const failed = await end(`health-${slug(key)}-fails`);
    expect(failed).toMatchObject({ state: 'failed', reason: expect.stringMatching(/not ready within 1\.5 s/) });
  });

  test('a path is one of the organ’s own first port', async () => {
    await using other = await rig.system({
      yaml: {
        organs: {
          web: answers({ health: { http: '/as/web' } }),
          ill: answers({ health: { http: '/as/ill', start_timeout: '700ms' }, restart: 'never' }),
        },
      },
      files: { 'ill.fails': '' },
    });
    await other.expect(1, ['up', '-d']);
    expect(Object.keys(await seenBy(other, 'web'))).toEqual(['/as/web']);
    expect(await other.instance('ill')).toMatchObject({ state: 'failed' });
  });
});

describe('a decision', () => {
  test('security.escalate, security.allow: to whom, where, from which level, and what it may do', async () => {
    const decision = { action: 'stop-organ', organ: 'victim', reason: 'so it is', confidence: 1 };
    const systems = ['observe', 'stop-organ'].map(async (allowed) => {
      const other = await rig.system({
        concurrent: true,
        yaml: {
          security: {
            interval: '200ms',
            checks: [
              { name: 'lesser', exec: 'test ! -e lesser', severity: 'High' },
              { name: 'graver', exec: 'test ! -e graver', severity: 'Critical' },
            ],
            escalate: { organ: 'judge', path: '/decide/it', at: 'Critical' },
            allow: [allowed],
          },
          organs: { judge: answers({ env: { DECISION: JSON.stringify(decision) } }), victim: rest() },
        },
      });
      await using _ = other;
      await other.expect(0, ['up', '-d']);
      other.write('lesser', '');
      await other.waitForEvent(isAlertOf('check:lesser'));
      other.write('graver', '');
      await other.waitForEvent(isAlertOf('check:graver'));
      const outcome = await other.waitForEvent(
        ({ type, data }) => type === 'security-alert' && /carried-out|refused/.test(String(data.kind)),
      );
      // Once: what is less than Critical was not worth a report.
      expect((await seenBy(other, 'judge'))['/decide/it']).toHaveLength(1);
      if (outcome.data.kind === 'carried-out') {
        await other.waitFor(({ organs: all }) =>
          all.some(({ organ, state }) => organ === 'victim' && state === 'stopped'),
        );
      } else expect((await other.instance('victim')).state).toBe('ready');
      return outcome.data.kind;
    });
    expect(await Promise.all(systems)).toEqual(['refused', 'carried-out']);
  });
});

const isAlertOf = (id: string) => (event: SystemEvent) =>
  event.type === 'security-alert' && (event.data.finding as { id?: string } | undefined)?.id === id;
