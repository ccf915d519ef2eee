import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aggregate, type HealthRecord, type Observation, observe, stale, UNKNOWN } from '../../src/core/health.ts';
import type { Health } from '../../src/core/status.ts';

const RULES = { failures: 3, successes: 2, slowMs: 500 };
const seen = (change: Partial<Observation> = {}): Observation => ({
  ...{ verdict: 'pass', latencyMs: 1, bodyStatus: null, bodyReason: null, metrics: {} },
  ...change,
});
const pass = seen();
const slow = seen({ latencyMs: 501 });
const warns = seen({ bodyStatus: 'degraded', bodyReason: 'queue is long' });
const fails = seen({ verdict: 'fail', reason: 'status 503' });
const critical = seen({ bodyStatus: 'critical', bodyReason: 'no disk' });

/** What is known after each of these checks, one after the other. */
function levels(...checks: readonly Observation[]): Health[] {
  let record: HealthRecord = UNKNOWN;
  return checks.map((check, at) => {
    record = observe(record, check, RULES, at);
    return record.level;
  });
}

const last = (...checks: readonly Observation[]): HealthRecord =>
  checks.reduce((record, check, at) => observe(record, check, RULES, at), UNKNOWN);

describe('the tier after a check', () => {
  test.each<[string, readonly Observation[], readonly Health[]]>([
    ['one good check is enough at first', [pass], ['Healthy']],
    [
      'one bad check is Degraded, three in a row are Critical',
      [pass, fails, fails, fails],
      ['Healthy', 'Degraded', 'Degraded', 'Critical'],
    ],
    [
      'a good one in between begins the count anew',
      [fails, fails, pass, fails, fails],
      ['Degraded', 'Degraded', 'Healthy', 'Degraded', 'Degraded'],
    ],
    [
      'from Critical it takes two good ones in a row',
      [critical, pass, fails, pass, pass],
      ['Critical', 'Critical', 'Critical', 'Critical', 'Healthy'],
    ],
    ['from Degraded it takes one', [fails, pass], ['Degraded', 'Healthy']],
    [
      'slow is Degraded, and no failure',
      [slow, slow, slow, slow, pass],
      ['Degraded', 'Degraded', 'Degraded', 'Degraded', 'Healthy'],
    ],
    ['a body that warns is Degraded, and no failure', [warns, warns, warns, warns], Array(4).fill('Degraded')],
    ['a body that says critical is Critical at once', [pass, critical], ['Healthy', 'Critical']],
    ['a sick recovery is still one', [critical, pass, warns], ['Critical', 'Critical', 'Degraded']],
  ])('%s', (_, checks, expected) => {
    expect(levels(...checks)).toEqual(expected);
  });

  test('has its reason, in the words of whoever knows best', () => {
    expect(last(pass).reason).toBeNull();
    expect(last(fails).reason).toBe('status 503');
    expect(last(fails, fails, fails).reason).toBe('3 checks in a row failed: status 503');
    expect(last(slow).reason).toBe('answered in 501 ms, slower than 500 ms');
    expect(last(warns).reason).toBe('queue is long');
    expect(last(critical).reason).toBe('no disk');
    expect(last(critical, pass).reason).toBe('recovering: 1 of 2 good checks');
    expect(last(seen({ bodyStatus: 'critical' })).reason).toBe('it says that it is critical');
  });

  test('what was measured is kept, whatever it was', () => {
    expect(last(pass, seen({ verdict: 'fail', latencyMs: 9, metrics: { queue: 3 } }))).toMatchObject({
      ...{ checkedAt: 1, latencyMs: 9, metrics: { queue: 3 }, failures: 1, successes: 0 },
    });
  });
});

const check = fc.constantFrom(pass, slow, warns, fails, critical);

test('Critical only after `failures` bad checks in a row or a word of its own; out of it only by `successes` good ones', () => {
  fc.assert(
    fc.property(fc.array(check, { maxLength: 40 }), (checks) => {
      const told = levels(...checks);
      let [bad, good] = [0, 0];
      checks.forEach((each, at) => {
        [bad, good] = each.verdict === 'fail' ? [bad + 1, 0] : [0, each === critical ? 0 : good + 1];
        const before = told[at - 1] ?? 'Unknown';
        if (told[at] === 'Critical' && before !== 'Critical') expect(bad >= 3 || each === critical).toBe(true);
        if (told[at] !== 'Critical' && before === 'Critical') expect(good).toBeGreaterThanOrEqual(2);
        if (told[at] === 'Healthy') expect(each).toBe(pass);
        if (each !== pass) expect(told[at]).not.toBe('Healthy');
        expect(told[at]).not.toBe('Unknown');
      });
    }),
  );
});

test('silence makes what was Healthy Degraded, and nothing better', () => {
  fc.assert(
    fc.property(fc.array(check, { maxLength: 10 }), (checks) => {
      const before = last(...checks);
      const after = stale(before, 65_000);
      expect(after.level).toBe(before.level === 'Critical' ? 'Critical' : 'Degraded');
      expect(after.checkedAt).toBe(before.checkedAt);
    }),
  );
});

test('a system is as bad as its worst', () => {
  expect(aggregate([])).toBe('Operational');
  expect(aggregate(['Healthy', 'Unknown'])).toBe('Operational');
  expect(aggregate(['Healthy', 'Degraded', 'Unknown'])).toBe('Degraded');
  expect(aggregate(['Degraded', 'Critical', 'Healthy'])).toBe('Critical');
});
