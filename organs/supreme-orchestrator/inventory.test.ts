import { describe, expect, test } from 'vitest';
import { differences, type OrganSeen, type Planned, rollUp, type Status } from './inventory.ts';
import { median } from './performance.ts';
import type { Answer } from './registry.ts';
import { View } from './view.ts';

const organ = (name: string, category: string, status: Status = 'Healthy'): OrganSeen => ({
  name,
  category,
  status,
  url: 'http://127.0.0.1:1',
  instances: [],
  registeredAt: null,
});
const planned = (name: string, category: string): Planned => ({ name, category, source: 'declared' });

test('differences name what is missing, unplanned and recategorised', () => {
  const plan = [
    planned('elara', 'AI-Intelligence'),
    planned('mint', 'Financial-Services'),
    planned('aegis', 'Security'),
  ];
  const seen = [organ('elara', 'Data'), organ('mint', 'Financial-Services'), organ('oracle', 'Data')];
  expect(differences(plan, seen)).toEqual({
    missing: ['aegis'],
    unplanned: ['oracle'],
    recategorised: [{ name: 'elara', planned: 'AI-Intelligence', actual: 'Data' }],
  });
});

describe('a category has the worst status of its organs', () => {
  const table: [Status[], string[], Status][] = [
    [['Healthy', 'Healthy'], [], 'Healthy'],
    [['Healthy', 'Unknown'], [], 'Unknown'],
    [['Unknown', 'Degraded'], [], 'Degraded'],
    [['Degraded', 'Critical'], [], 'Critical'],
    [['Healthy'], ['mint'], 'Critical'],
  ];
  test.each(table)('%o, missing %o', (statuses, missing, expected) => {
    const plan = missing.map((name) => planned(name, 'Data'));
    const seen = statuses.map((status, index) => organ(`o${index}`, 'Data', status));
    expect(rollUp(plan, seen)).toMatchObject([
      { category: 'Data', status: expected, organs: statuses.length, missing },
    ]);
  });
});

test.each([
  [[], null],
  [[3], 3],
  [[9, 1], 1],
  [[5, 1, 3], 3],
])('the median of %o is %s', (values, expected) => expect(median(values)).toBe(expected));

describe('a view', () => {
  const fixture = (answers: Answer[]) => {
    let time = 0;
    const learnt: number[] = [];
    const view = new View({
      ask: async () => answers.shift() ?? { kind: 'unreachable', reason: 'no more answers' },
      onInventory: (organs) => learnt.push(organs.length),
      clock: () => time,
      staleAfterMs: 30_000,
    });
    return { view, learnt, pass: (ms: number) => (time += ms) };
  };
  const none: Answer = { kind: 'ok', organs: [] };
  const gone: Answer = { kind: 'unreachable', reason: 'refused' };
  const odd: Answer = { kind: 'invalid', reason: 'answered 500' };

  test('of an empty registry is fresh', async () => {
    const { view, learnt } = fixture([none]);
    expect(view.condition().kind).toBe('blind');
    expect(await view.refresh()).toEqual({ kind: 'fresh' });
    expect(learnt).toEqual([0]);
  });

  test('goes stale with time', async () => {
    const { view, pass } = fixture([none]);
    await view.refresh();
    pass(30_000);
    expect(view.condition().kind).toBe('fresh');
    pass(1);
    expect(view.condition()).toEqual({ kind: 'stale', reason: 'the view is 30 s old, over 30 s' });
  });

  test.each<[Answer[], string]>([
    [[gone], 'blind'],
    [[none, gone], 'blind'],
    [[none, odd], 'stale'],
    [[odd], 'blind'],
    [[none, gone, none], 'fresh'],
  ])('after %o is %s', async (answers, expected) => {
    const { view } = fixture(answers);
    for (const _ of [...answers]) await view.refresh();
    expect(view.condition().kind).toBe(expected);
  });

  test('is asked for once more before it is found wanting', async () => {
    const { view } = fixture([gone, none]);
    await view.refresh();
    expect(await view.examine()).toEqual({ kind: 'fresh' });
  });

  test('keeps its last inventory while the registry is gone', async () => {
    const { view } = fixture([{ kind: 'ok', organs: [organ('mint', 'Data')] }, gone]);
    await view.refresh();
    await view.refresh();
    expect(view.organs).toHaveLength(1);
  });
});
