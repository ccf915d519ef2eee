import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { type Alert, evaluate, type Reading, Rule } from './rules.ts';

const rule = (given: object): Rule =>
  Rule.parse({ name: 'r', metric: 'm', severity: 'warning', summary: 'too much', ...given });
const reading = (value: number, given: Partial<Reading> = {}): Reading => ({
  ...{ organ: 'mint', instance: 'mint', metric: 'm', labels: {}, perSecond: undefined },
  value,
  ...given,
});

/** Plays rounds of readings, ten seconds apart; what changed in each, and the alerts in the end. */
function play(given: Rule, rounds: readonly (readonly Reading[] | 'silent')[]) {
  let alerts: Alert[] = [];
  const changes = rounds.map((round, i) => {
    const silent = new Set(round === 'silent' ? ['mint'] : []);
    const result = evaluate([given], round === 'silent' ? [] : round, alerts, silent, i * 10_000);
    alerts = result.alerts;
    return result.changes.map(({ type }) => type);
  });
  return { changes, alerts };
}

test.each([
  [
    'above',
    { above: 5 },
    [[reading(5)], [reading(6)], [reading(6)], [reading(5)]],
    [[], ['alert-firing'], [], ['alert-resolved']],
  ],
  ['below', { below: 1 }, [[reading(1)], [reading(0)]], [[], ['alert-firing']]],
  ['absent', { absent: true }, [[reading(1)], [], [reading(1)]], [[], ['alert-firing'], ['alert-resolved']]],
  ['a series that is gone', { above: 5 }, [[reading(6)], []], [['alert-firing'], ['alert-resolved']]],
  [
    'an instance that is silent',
    { above: 5 },
    [[reading(6)], 'silent', [reading(6)], [reading(1)]],
    [['alert-firing'], [], [], ['alert-resolved']],
  ],
  ['a rate', { above: 5, rate: true }, [[reading(99)], [reading(99, { perSecond: 6 })]], [[], ['alert-firing']]],
  ['for a while', { above: 5, forMs: 20_000 }, [[reading(6)], [reading(6)], [reading(6)]], [[], [], ['alert-firing']]],
  [
    'with a break',
    { above: 5, forMs: 20_000 },
    [[reading(6)], [reading(1)], [reading(6)], [reading(6)]],
    [[], [], [], []],
  ],
  ['no number', { above: 5 }, [[reading(Number.NaN)]], [[]]],
  ['another organ', { above: 5, organ: 'aegis' }, [[reading(6)]], [[]]],
  ['another label', { above: 5, labels: { a: 'b' } }, [[reading(6, { labels: { a: 'c' } })]], [[]]],
  ['the label', { above: 5, labels: { a: 'b' } }, [[reading(6, { labels: { a: 'b', c: 'd' } })]], [['alert-firing']]],
] as const)('%s', (_, given, rounds, changes) => {
  expect(play(rule(given), rounds).changes).toEqual(changes);
});

test('each series has its own alert', () => {
  const { alerts } = play(rule({ above: 5 }), [
    [reading(6), reading(7, { instance: 'mint-2' }), reading(1, { instance: 'mint-3' })],
  ]);
  expect(alerts.map(({ instance, value }) => [instance, value])).toEqual([
    ['mint', 6],
    ['mint-2', 7],
  ]);
  expect(new Set(alerts.map(({ id }) => id)).size).toBe(2);
});

test.each([
  ['nothing to look for', {}],
  ['two things', { above: 1, below: 0 }],
  ['another name', { above: 1, name: 'No Name' }],
  ['a metric that is none', { above: 1, metric: 'a b' }],
  ['a time that is none', { above: 1, forMs: -1 }],
  ['a word too many', { above: 1, command: 'rm -rf' }],
])('a rule with %s is none', (_, given) => {
  expect(Rule.safeParse({ name: 'r', metric: 'm', severity: 'info', summary: 's', ...given }).success).toBe(false);
});

test('the rules of the file are rules, each under a name of its own', () => {
  const rules = z.array(Rule).parse(JSON.parse(readFileSync(new URL('rules.json', import.meta.url), 'utf8')));
  expect(rules.length).toBeGreaterThan(5);
  expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length);
});
