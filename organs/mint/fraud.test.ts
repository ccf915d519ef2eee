import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assess, type Feature, type PastTransfer, REVIEW_FROM } from './fraud.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 4, 20, 12);

/** Thirty days of about 100 coins to the landlord, around noon. */
const HABITS: readonly PastTransfer[] = Array.from({ length: 30 }, (_, day) => ({
  recipient: 'landlord',
  amount: 90 + (day % 20),
  at: NOON - (30 - day) * DAY + (day % 3) * HOUR,
}));
const USUAL: PastTransfer = { recipient: 'landlord', amount: 100, at: NOON };
const RICH = 10_000;

const suspicion = (name: Feature['name'], transfer: PastTransfer, history = HABITS, balance = RICH): number =>
  assess(transfer, history, balance).features.find((feature) => feature.name === name)!.suspicion;

describe('a feature rises with what it measures', () => {
  const table: [Feature['name'], string, PastTransfer, number, number][] = [
    ['amount', 'the usual', USUAL, 0, 0],
    ['amount', 'less than usual', { ...USUAL, amount: 5 }, 0, 0],
    ['amount', 'twice the usual', { ...USUAL, amount: 200 }, 0.3, 0.7],
    ['amount', 'ten times the usual', { ...USUAL, amount: 1000 }, 1, 1],
    ['share-of-balance', 'half', { ...USUAL, amount: RICH / 2 }, 0, 0],
    ['share-of-balance', 'all', { ...USUAL, amount: RICH }, 1, 1],
    ['new-recipient', 'known', USUAL, 0, 0.01],
    ['new-recipient', 'unknown', { ...USUAL, recipient: 'stranger' }, 1, 1],
    ['time-of-day', 'noon', USUAL, 0, 0],
    ['time-of-day', 'midnight', { ...USUAL, at: NOON + 12 * HOUR }, 0.99, 1],
    ['velocity', 'the first today', USUAL, 0, 0],
  ];
  test.each(table)('%s: %s', (name, _, transfer, least, most) => {
    const value = suspicion(name, transfer);
    expect(value).toBeGreaterThanOrEqual(least);
    expect(value).toBeLessThanOrEqual(most);
  });

  test('velocity: a burst is suspicious, unless bursts are the habit', () => {
    const minutes = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ ...USUAL, at: NOON - (i + 1) * 60_000 })).reverse();
    expect(suspicion('velocity', USUAL, [...HABITS, ...minutes(2)])).toBe(0);
    expect(suspicion('velocity', USUAL, [...HABITS, ...minutes(9)])).toBe(1);
    const busy = Array.from({ length: 480 }, (_, i) => ({ ...USUAL, at: NOON - 2 * DAY + i * 6 * 60_000 }));
    expect(suspicion('velocity', USUAL, busy)).toBe(0);
  });
});

describe('the decision', () => {
  const table: [string, PastTransfer, readonly PastTransfer[], number, string][] = [
    ['the usual', USUAL, HABITS, RICH, 'release'],
    ['the first ever, of everything', USUAL, [], 100, 'release'],
    ['the usual amount to a stranger', { ...USUAL, recipient: 'stranger' }, HABITS, RICH, 'release'],
    ['a large amount to the landlord', { ...USUAL, amount: 1000 }, HABITS, RICH, 'release'],
    ['a large amount to a stranger', { ...USUAL, amount: 1000, recipient: 'stranger' }, HABITS, RICH, 'review'],
    ['everything, at night', { ...USUAL, amount: RICH, at: NOON + 12 * HOUR }, HABITS, RICH, 'review'],
  ];
  test.each(table)('%s', (_, transfer, history, balance, decision) => {
    expect(assess(transfer, history, balance)).toMatchObject({ decision });
  });

  test('a growing amount never looks less suspicious, and the score stays within 0 and 1', () => {
    const past = fc.record({
      recipient: fc.constantFrom('a', 'b', 'c'),
      amount: fc.integer({ min: 1, max: 1e6 }),
      at: fc.integer({ min: NOON - 90 * DAY, max: NOON }),
    });
    fc.assert(
      fc.property(
        fc.array(past, { maxLength: 60 }),
        past,
        fc.integer({ min: 0, max: 1e6 }),
        (unsorted, transfer, balance) => {
          const history = unsorted.toSorted((a, b) => a.at - b.at);
          const at = { ...transfer, at: NOON };
          const { score, decision, features } = assess(at, history, balance);
          expect(score).toBeGreaterThanOrEqual(0);
          expect(score).toBeLessThanOrEqual(1);
          expect(decision).toBe(score >= REVIEW_FROM ? 'review' : 'release');
          expect(features.every((feature) => feature.suspicion >= 0 && feature.suspicion <= 1)).toBe(true);
          expect(assess({ ...at, amount: at.amount * 3 }, history, balance).score).toBeGreaterThanOrEqual(score);
        },
      ),
      { numRuns: 200 },
    );
  });
});
