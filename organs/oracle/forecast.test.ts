import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backtest, fit, intervals } from './forecast.ts';
import { findSeason } from './season.ts';

const times = (n: number, of: (i: number) => number) => Array.from({ length: n }, (_, i) => of(i));
/** Noise that is the same at every run. */
const noise = (i: number) => Math.sin(i * 12.9898) * 43758.5453 - Math.floor(Math.sin(i * 12.9898) * 43758.5453) - 0.5;
const wave = (season: number) => (i: number) => 100 + i * 0.5 + 20 * Math.sin((2 * Math.PI * i) / season);

describe('the method that there is enough data for', () => {
  test.each([
    ['a single point', times(1, () => 5), 0, 'mean', /1 points are too few/],
    ['few points', times(9, (i) => i), 3, 'mean', /9 points are too few for a trend/],
    ['no season', times(30, (i) => i), 0, 'holt', /no season/],
    ['less than two seasons', times(30, (i) => i), 24, 'holt', /less than two seasons of 24/],
    ['seasons', times(72, wave(24)), 24, 'holt-winters', /72 points hold 3 seasons of 24/],
  ] as const)('%s', (_, series, season, method, reason) => {
    const model = fit(series, season);
    expect(model.method).toBe(method);
    expect(model.reason).toMatch(reason);
  });
});

test('a line goes on as a line, whatever its slope', () => {
  fc.assert(
    fc.property(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -1000, max: 1000 }), (slope, start) => {
      const forecast = fit(
        times(40, (i) => start + slope * i),
        0,
      ).forecast(5);
      forecast.forEach((value, i) => {
        expect(value).toBeCloseTo(start + slope * (40 + i), 3);
      });
    }),
  );
});

test('a season with a trend goes on, far better than the mean, and the truth lies within the interval', () => {
  const truth = (i: number) => wave(12)(i) + 2 * noise(i);
  const series = times(96, truth);
  const model = fit(series, 12);
  const margins = intervals(model, 12);
  const hits = model.forecast(12).filter((value, i) => Math.abs(value - truth(96 + i)) <= margins[i]!);
  expect(hits.length).toBeGreaterThanOrEqual(9);
  const test = backtest(series, 12, 12)!;
  expect(test).toMatchObject({ heldOut: 12, method: 'holt-winters' });
  expect(test.mae).toBeLessThan(3);
  expect(test.mae).toBeLessThan(test.maeOfMean / 5);
  expect(test.coverage).toBeGreaterThan(0.7);
});

test('the backtest does not see what it is tested on: a jump at the end is an error of its size', () => {
  const series = [...times(36, () => 10), ...times(4, () => 1010)];
  expect(backtest(series, 0, 4)).toMatchObject({ heldOut: 4, mae: 1000, coverage: 0 });
  expect(backtest([1, 2, 3], 0, 5)).toBeUndefined();
});

test.each([
  ['a wave', times(96, wave(12)), 12],
  ['a wave with noise', times(120, (i) => wave(24)(i) + 5 * noise(i)), 24],
  ['a pulse', times(70, (i) => (i % 7 === 0 ? 10 : 0)), 7],
  ['a line', times(60, (i) => 3 * i), 0],
  ['the same for ever', times(60, () => 4), 0],
  ['noise', times(100, noise), 0],
  ['next to nothing', [1, 2], 0],
] as const)('the season of %s', (_, series, season) => {
  expect(findSeason(series)).toBe(season);
});
