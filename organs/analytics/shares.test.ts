import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Histogram } from '../kit/histogram.ts';
import type { BusEvent } from '../kit/index.ts';
import { count } from './dashboards.ts';
import { Shares } from './shares.ts';

const NOW = 1_700_000_000_000;
const ALL = { step: '1m' as const, from: 0, to: 2 * NOW };
const events = (partition: number, from: number, n: number): BusEvent[] =>
  Array.from({ length: n }, (_, i) => ({
    ...{ topic: 't', partition, offset: from + i, id: `${partition}/${from + i}`, type: 'x', key: null },
    ...{ data: from + i, at: NOW, source: 's' },
  }));

test('whatever is delivered to whom, how often, with whichever overlaps: each event is counted once', () => {
  // As a bus does: every delivery begins at, or before, where some earlier one ended.
  const delivery = fc.record({
    to: fc.nat(2),
    partitions: fc.subarray([0, 1, 2], { minLength: 1 }),
    back: fc.nat(5),
    n: fc.integer({ min: 1, max: 6 }),
    restarts: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(delivery, { minLength: 1, maxLength: 25 }), (deliveries) => {
      const folder = mkdtempSync(join(tmpdir(), 'shares-'));
      const open = (i: number) => new Shares(folder, `analytics-${i}`, () => NOW);
      const shares = [0, 1, 2].map(open);
      const ends = [0, 0, 0];
      try {
        for (const { to, partitions, back, n, restarts } of deliveries) {
          const from = (partition: number) => Math.max(0, ends[partition]! - back);
          const batch = partitions.flatMap((partition) => events(partition, from(partition), n));
          while (!shares[to]!.tally.take(batch))
            for (const at of shares[to]!.tally.unowned(batch)) shares[to]!.claim(at);
          for (const partition of partitions) ends[partition] = Math.max(ends[partition]!, from(partition) + n);
          if (restarts) {
            shares[to]!.close();
            shares[to] = open(to);
          }
        }
        const cells = shares.flatMap(({ tally }) => tally.cells(ALL));
        expect(count(cells)).toBe(ends.reduce((sum, end) => sum + end));
        const values = cells
          .filter(({ field }) => field === 'value')
          .reduce((sum, { histogram }) => sum + histogram.sum, 0);
        expect(values).toBe(ends.reduce((sum, end) => sum + (end * (end - 1)) / 2, 0));
      } finally {
        for (const share of shares) share.close();
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 25 },
  );
});

test('percentiles are within 1 % of the exact ones, also when merged from parts', () => {
  const numbers = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(numbers, numbers, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, q) => {
      const [left, right] = [new Histogram(), new Histogram()];
      for (const value of a) left.add(value);
      for (const value of b) right.add(value);
      const merged = Histogram.from(JSON.parse(JSON.stringify(left))).merge(right);
      const sorted = [...a, ...b].sort((x, y) => x - y);
      const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
      expect(merged.count).toBe(sorted.length);
      expect(Math.abs(merged.quantile(q)! - exact)).toBeLessThanOrEqual(Math.abs(exact) * 0.0101);
    }),
  );
});
