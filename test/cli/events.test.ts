import { Chalk } from 'chalk';
import { beforeAll, describe, expect, test } from 'vitest';
import { plainLine } from '../../src/cli/render/boot/lines.ts';
import { failureReport } from '../../src/cli/render/boot/report.ts';
import { renderSummary } from '../../src/cli/render/boot/summary.ts';
import { Departures } from '../../src/cli/render/stopping.ts';
import type { EventType } from '../../src/core/events.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { aDocument, anEvent, anInstance } from './fake-supervisor.ts';

const style = new Chalk({ level: 0 });
beforeAll(() => {
  process.env.TZ = 'UTC';
});

describe('one line per change', () => {
  const cases: [EventType, string | null, JsonObject, string | null][] = [
    [
      'boot-step',
      null,
      { step: 'Elara Deity', index: 1, total: 7, status: 'started', organs: ['elara'] },
      'azora step 2/7 Elara Deity: started (elara)',
    ],
    [
      'boot-step',
      null,
      { step: 'Elara Deity', index: 1, total: 7, status: 'done', organs: ['elara'] },
      'azora step 2/7 Elara Deity: done',
    ],
    [
      'organ-waiting',
      'mint',
      { on: [{ organ: 'aegis', condition: 'healthy', state: 'starting' }] },
      'mint waiting for aegis (healthy)',
    ],
    ['organ-waiting', 'mint', { on: [] }, 'mint waiting for its step'],
    ['organ-starting', 'mint', { attempt: 1 }, 'mint starting'],
    ['organ-starting', 'mint', { attempt: 3 }, 'mint starting (attempt 3)'],
    ['organ-started', 'mint', { pid: 77 }, 'mint started (pid 77)'],
    ['organ-ready', 'mint', { durationMs: 240, how: 'probe' }, 'mint ready (240 ms)'],
    ['organ-assumed-ready', 'mint', { durationMs: 200 }, 'mint ready, assumed: alive after 200 ms'],
    ['organ-completed', 'mint', { durationMs: 1200 }, 'mint completed (1.2 s)'],
    ['organ-exited', 'mint', { code: 3, signal: null, uptimeMs: 1200 }, 'mint exited with code 3 after 1.2 s'],
    [
      'organ-exited',
      'mint',
      { code: null, signal: 'SIGKILL', oomKilled: true },
      'mint was killed by SIGKILL (out of memory)',
    ],
    ['organ-exited', 'mint', { code: null, signal: null }, 'mint ended while nobody could see how'],
    [
      'organ-exited',
      'mint',
      { code: null, signal: 'SIGTERM', ours: true, asked: 'azora down', uptimeMs: 1200 },
      'mint ended by SIGTERM, as asked, after 1.2 s',
    ],
    [
      'organ-exited',
      'mint',
      { code: 0, signal: null, ours: false, asked: 'azora down' },
      'mint exited with code 0, as asked',
    ],
    [
      'organ-exited',
      'mint',
      { code: null, signal: 'SIGKILL', ours: true, asked: 'azora down', uptimeMs: 1200 },
      'mint was killed by azora after 1.2 s',
    ],
    [
      'organ-exited',
      'mint',
      { code: null, signal: 'SIGKILL', ours: false, asked: 'azora down' },
      'mint was killed by SIGKILL',
    ],
    ['checks-completed', null, { passed: true, checks: [] }, 'azora no checks are declared'],
    ['organ-stopping', 'mint', { cause: 'azora down' }, 'mint stopping'],
    ['organ-stopping', 'mint', { cause: 'azora down --force', forced: true }, 'mint being killed'],
    ['organ-restarting', 'mint', { delayMs: 500, attempt: 2 }, 'mint restarts in 500 ms (attempt 2)'],
    ['organ-failed', 'mint', { cause: 'exited with code 3' }, 'mint failed: exited with code 3'],
    [
      'organ-stuck',
      'mint',
      { processes: [{ pid: 9, command: 'dd if=/dev/x' }] },
      'mint stuck: pid 9 (dd if=/dev/x) cannot be killed',
    ],
    ['health-changed', 'mint', { from: 'Unknown', to: 'Healthy' }, null],
    ['health-changed', 'mint', { from: 'Healthy', to: 'Unknown', reason: null }, null],
    [
      'health-changed',
      'mint',
      { from: 'Healthy', to: 'Degraded', reason: 'slow: 800 ms' },
      'mint Healthy → Degraded: slow: 800 ms',
    ],
    ['checks-completed', null, { passed: true, checks: [{ name: 'a', passed: true }] }, 'azora 1 check passed'],
    [
      'checks-completed',
      null,
      {
        passed: false,
        checks: [
          { name: 'a', passed: true },
          { name: 'b', passed: false, message: 'got 500' },
        ],
      },
      'azora 1 of 2 checks failed: b: got 500',
    ],
    ['system-ready', null, { durationMs: 1500 }, 'azora system ready (1.5 s)'],
    ['organ-adopted', 'mint', {}, 'mint organ-adopted'],
  ];
  test.each(cases)('%s of %s with %j', (type, instance, data, words) => {
    expect(plainLine(anEvent(1, type, instance, data), style)).toBe(words === null ? null : `12:00:00.100 ${words}`);
  });
});

const NONE = new Map<string, string[]>();

describe('the account of a failure', () => {
  test('of a boot that took too long: whose turn it was, their last lines, whom they keep waiting, what to type', () => {
    const late = ['db', 'queue'].map((name) => ({ organ: name, instance: name }));
    const event = anEvent(1, 'system-boot-failed', null, {
      reason: 'not ready within 2.0 s',
      failed: [],
      late,
      blocked: ['api'],
    });
    const words = new Map([['db', ['connecting', 'no route']]]);
    expect(failureReport(event, words, { style })).toBe(
      [
        '✖ the boot failed: not ready within 2.0 s',
        "  db's last lines:",
        '    | connecting',
        '    | no route',
        '  not ready either: queue',
        '  kept from starting: api',
        '  next: azora why db   then, once it is mended,   azora restart db',
        '  or: what runs keeps running: azora status   then   azora down',
        '',
      ].join('\n'),
    );
  });

  test('names what, why, the last lines, what is kept from starting, and what to type', () => {
    const event = anEvent(1, 'organ-failed', 'mint-2', {
      cause: 'not ready within 60 s',
      code: 3,
      signal: null,
      blocked: ['sapiens', 'oracle'],
    });
    expect(
      failureReport(event, new Map([['mint-2', ['listening', '\x1b[31m  Error: no \x1b[0mkey', '']]]), { style }),
    ).toBe(
      [
        '✖ mint-2 failed: not ready within 60 s',
        '  its last lines:',
        '    | listening',
        '    |   Error: no key',
        '    |  ',
        '  keeps from starting: sapiens, oracle',
        '  next: azora logs mint   then   azora restart mint',
        '',
      ].join('\n'),
    );
  });

  test('says when there are no last lines', () => {
    const event = anEvent(1, 'organ-failed', 'mint', {
      cause: 'command not found: mnt',
      code: null,
      signal: null,
      blocked: [],
    });
    expect(failureReport(event, NONE, { style })).toBe(
      [
        '✖ mint failed: command not found: mnt',
        '  its last lines: none, mint wrote nothing',
        '  next: azora logs mint   then   azora restart mint',
        '',
      ].join('\n'),
    );
  });

  test('of a boot and of checks', () => {
    const boot = anEvent(1, 'system-boot-failed', null, {
      reason: 'critical organ mint failed: code 3',
      failed: ['mint'],
    });
    expect(failureReport(boot, NONE, { style })).toContain(
      '✖ the boot failed: critical organ mint failed: code 3\n  failed: mint\n',
    );
    const checks = anEvent(2, 'checks-completed', null, {
      passed: false,
      checks: [{ name: 'chain is valid', organ: 'covenant', passed: false, message: 'valid is false' }],
    });
    expect(failureReport(checks, NONE, { style })).toContain(
      '✖ check "chain is valid" (covenant) failed: valid is false\n',
    );
    expect(failureReport(anEvent(3, 'organ-ready', 'mint'), NONE, { style })).toBeNull();
  });
});

test('the summary names addresses, the gateway first, what is ill and what is held down', () => {
  const url = (port: number) => ({ url: `http://127.0.0.1:${port}` });
  const document = aDocument(
    [
      anInstance('aegis', url(1)),
      anInstance('api-gateway', url(2)),
      anInstance('mint', { ...url(3), health: 'Degraded', reason: 'slow' }),
      anInstance('sapiens', { state: 'stopped', health: 'Unknown', desired: 'down' }),
    ],
    { status: 'Degraded' },
  );
  const organ = (name: string, prefix: string | null) =>
    ({ name, category: null, route: prefix === null ? null : { prefix, rateLimit: null, auth: 'none' } }) as never;
  const config = {
    organs: { aegis: organ('aegis', '/auth'), 'api-gateway': organ('api-gateway', null), mint: organ('mint', '/mint') },
  };
  const summary = { document, config, durationMs: 1234, heldDown: ['sapiens'], wasRunning: false };
  expect(renderSummary(summary, { style })).toBe(
    [
      'example is ready after 1.2 s: Degraded · 4 organs: 2 Healthy, 1 Degraded, 1 stopped',
      '  api-gateway  http://127.0.0.1:2',
      '  aegis        http://127.0.0.1:1',
      '  mint         http://127.0.0.1:3',
      '  mint is Degraded: slow',
      '  stopped by hand before, and still down: sapiens   (azora start sapiens)',
      '  azora why mint · azora logs mint · azora down',
      '',
    ].join('\n'),
  );
  const well = { ...summary, document: aDocument([anInstance('aegis')], { status: 'Operational' }), heldDown: [] };
  expect(renderSummary(well, { style })).toContain('\n  azora status · azora logs -f · azora down\n');
  const worse = anInstance('covenant', { health: 'Critical', reason: 'exited with code 3' });
  const both = { ...summary, document: aDocument([...document.organs, worse], { status: 'Critical' }) };
  expect(renderSummary(both, { style })).toContain('\n  azora why covenant · azora logs covenant · azora down\n');
});

test('a stop names whom it waits for, the longest first', () => {
  const departures = new Departures([
    anInstance('aegis'),
    anInstance('mint'),
    anInstance('sapiens'),
    anInstance('task', { pid: null }),
  ]);
  const at = (id: number): number => Date.parse(anEvent(id, 'organ-stopping', null).ts);
  expect(departures.words(at(0))).toBe('stopping, 0 of 3 gone');
  departures.event(anEvent(1, 'organ-stopping', 'mint'));
  departures.event(anEvent(3, 'organ-stopping', 'sapiens'));
  expect(departures.words(at(13))).toBe('stopping, 0 of 3 gone; waiting for mint (1.2 s), sapiens (1.0 s)');
  departures.event(anEvent(14, 'organ-stopped', 'mint'));
  expect(departures.words(at(14))).toBe('stopping, 1 of 3 gone; waiting for sapiens (1.1 s)');
  departures.event(anEvent(15, 'organ-stopped', 'sapiens'));
  departures.event(anEvent(16, 'organ-stopped', 'aegis'));
  expect(departures.words(at(16))).toBeNull();
});
