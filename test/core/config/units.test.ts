import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatCpu,
  formatDuration,
  formatSize,
  parseCpu,
  parseDuration,
  parseSize,
} from '../../../src/core/config/units.ts';

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['30d', 2_592_000_000],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', '5', 's', '5 s', '-1s', '30m1h', '1s1s', '5 parsecs', '1e3s', '9999999999999d'])('%j is none', (text) =>
    expect(parseDuration(text)).toBeNull(),
  );

  it('reads back what it writes', () => {
    fc.assert(fc.property(fc.nat({ max: 10 ** 12 }), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe('sizes', () => {
  it.each([
    ['512Mi', 512 * 2 ** 20],
    ['10MB', 10_000_000],
    ['10M', 10_000_000],
    ['1GiB', 2 ** 30],
    ['4096', 4096],
    ['4096B', 4096],
    ['1.5KiB', 1536],
  ])('%s is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(['', 'MB', '-1MB', '10m', '1 hour', '1PB', '9999999TiB'])('%j is none', (text) =>
    expect(parseSize(text)).toBeNull(),
  );

  it('reads back what it writes', () => {
    const bytes = fc.oneof(
      fc.nat(),
      fc
        .tuple(fc.nat({ max: 999 }), fc.constantFrom(1000, 1024), fc.nat({ max: 4 }))
        .map(([n, base, power]) => n * base ** power),
    );
    fc.assert(fc.property(bytes, (size) => parseSize(formatSize(size)) === size));
  });
});

describe('cpu', () => {
  it.each([
    ['250m', 0.25],
    ['0.5', 0.5],
    ['2', 2],
  ])('%s is %d cores', (text, cores) => expect(parseCpu(text)).toBe(cores));

  it.each(['', 'm', '-1', '2 cores'])('%j is none', (text) => expect(parseCpu(text)).toBeNull());

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 10 ** 6 }),
        (thousandths) => parseCpu(formatCpu(thousandths / 1000)) === thousandths / 1000,
      ),
    );
  });
});
