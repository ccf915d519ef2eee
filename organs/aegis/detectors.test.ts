import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { detect, levelOf, type Observed, type SecurityEvent, THREAT_LEVELS, WINDOW_MS } from './detectors.ts';

const NOW = 100 * 60_000;

function observe(events: readonly Partial<SecurityEvent>[], over: Partial<Observed> = {}): Observed {
  const base: SecurityEvent = {
    at: NOW - 1000,
    kind: 'login-failed',
    username: 'thandi',
    address: '10.0.0.1',
    admin: false,
  };
  return { events: events.map((event) => ({ ...base, ...event })), perMinute: new Map(), since: 0, now: NOW, ...over };
}

const times = (count: number, event: Partial<SecurityEvent> | ((index: number) => Partial<SecurityEvent>) = {}) =>
  Array.from({ length: count }, (_, index) => (typeof event === 'function' ? event(index) : event));

const asUser = (index: number): Partial<SecurityEvent> => ({ username: `user${index}` });

describe('what events amount to', () => {
  const table: [string, Partial<SecurityEvent>[], string[]][] = [
    ['nothing', [], []],
    ['4 failed logins', times(4), []],
    ['5 failed logins', times(5), ['Medium aegis:guessing:thandi']],
    ['10 failed logins', times(10), ['High aegis:guessing:thandi']],
    [
      'refused ones count as well',
      [...times(5), ...times(5, { kind: 'login-refused' })],
      ['High aegis:guessing:thandi'],
    ],
    ['5 successful logins', times(5, { kind: 'login' }), []],
    ['10 failures as 4 users', times(10, (index) => asUser(index % 4)), []],
    ['10 failures as 10 users', times(10, asUser), ['Medium aegis:spraying:10.0.0.1']],
    ['20 failures as 20 users', times(20, asUser), ['High aegis:spraying:10.0.0.1']],
    ['20 failures from 20 addresses', times(20, (index) => ({ ...asUser(index), address: `10.0.0.${index}` })), []],
    [
      'a login after 10 failures',
      [...times(10), { kind: 'login' }],
      ['High aegis:guessing:thandi', 'High aegis:takeover:thandi:10.0.0.1'],
    ],
    [
      'an administrator logs in after 10 failures',
      [...times(10), { kind: 'login', admin: true }],
      ['Critical aegis:takeover:thandi:10.0.0.1', 'High aegis:guessing:thandi'],
    ],
    [
      'a login from elsewhere after 10 failures',
      [...times(10), { kind: 'login', address: '10.0.0.2' }],
      ['High aegis:guessing:thandi'],
    ],
    ['4 forged tokens', times(4, { kind: 'token-forged', username: null }), []],
    ['5 forged tokens', times(5, { kind: 'token-forged', username: null }), ['Medium aegis:forging:10.0.0.1']],
    ['50 forged tokens', times(50, { kind: 'token-forged', username: null }), ['High aegis:forging:10.0.0.1']],
    ['5 denials', times(5, { kind: 'access-denied' }), ['Medium aegis:probing:thandi']],
  ];
  test.each(table)('%s', (_, events, expected) => {
    expect(detect(observe(events)).map(({ severity, id }) => `${severity} ${id}`)).toEqual(expected);
  });
});

test('a finding closes when its events leave the window', () => {
  const events = times(10, { at: NOW });
  const at = (now: number) => detect(observe(events, { now })).length;
  expect([at(NOW), at(NOW + WINDOW_MS - 1), at(NOW + WINDOW_MS)]).toEqual([1, 1, 0]);
});

describe('the rate of requests', () => {
  const minutes = (usual: number, last: number, length = 30) =>
    new Map([...Array.from({ length }, (_, index): [number, number] => [98 - index, usual]), [99, last]]);
  const table: [string, Observed, string[]][] = [
    ['as usual', observe([], { perMinute: minutes(100, 100) }), []],
    ['a little more', observe([], { perMinute: minutes(100, 101) }), ['Low']],
    ['eleven times as much', observe([], { perMinute: minutes(100, 1101) }), ['Medium']],
    ['few, though many more than usual', observe([], { perMinute: minutes(1, 59) }), []],
    ['no baseline yet', observe([], { perMinute: minutes(1, 500), since: 95 * 60_000 }), []],
    ['out of nothing', observe([], { perMinute: new Map([[99, 100]]) }), ['Medium']],
  ];
  test.each(table)('%s', (_, observed, expected) => {
    expect(detect(observed).map(({ severity }) => severity)).toEqual(expected);
  });
});

test('more events never lower the threat level', () => {
  const event = fc.record({
    kind: fc.constantFrom<SecurityEvent['kind']>(
      'login-failed',
      'login-refused',
      'login',
      'token-forged',
      'access-denied',
    ),
    username: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    address: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    admin: fc.boolean(),
  });
  const rank = (events: readonly Partial<SecurityEvent>[]) => THREAT_LEVELS.indexOf(levelOf(detect(observe(events))));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), fc.nat(), (events, cut) => {
      expect(rank(events.slice(0, cut % (events.length + 1)))).toBeLessThanOrEqual(rank(events));
    }),
  );
});
