import { mean, sampleCorrelation, variance } from 'simple-statistics';

/** A correlation with itself, shifted by a season, below which there is none. */
const THRESHOLD = 0.5;

/**
 * The season of a series: the lag, up to half its length, at which it looks most like itself once its trend is gone, where
 * that is a peak. 0 when there is none.
 */
export function findSeason(series: readonly number[], longest = 200): number {
  const flat = withoutTrend(series);
  const limit = Math.min(longest, Math.floor(flat.length / 2));
  if (limit < 3 || variance(flat) < 1e-12) return 0;
  const correlations = Array.from({ length: limit + 1 }, (_, lag) => (lag === 0 ? 1 : correlation(flat, lag)));
  let season = 0;
  for (let lag = 2; lag < limit; lag++) {
    const [before, here, after] = [correlations[lag - 1]!, correlations[lag]!, correlations[lag + 1]!];
    const isPeak = here > before && here >= after && here >= THRESHOLD;
    // A multiple of the season looks as good: it must be clearly better.
    if (isPeak && here > (season === 0 ? 0 : correlations[season]! + 0.1)) season = lag;
  }
  return season;
}

function withoutTrend(series: readonly number[]): number[] {
  const middle = (series.length - 1) / 2;
  const level = mean([...series]);
  const [up, across] = series.reduce(
    ([a, b], value, i) => [a + (i - middle) * (value - level), b + (i - middle) ** 2] as const,
    [0, 0] as readonly [number, number],
  );
  const slope = across === 0 ? 0 : up / across;
  return series.map((value, i) => value - level - slope * (i - middle));
}

function correlation(series: readonly number[], lag: number): number {
  const [a, b] = [series.slice(0, -lag), series.slice(lag)];
  if (a.length < 3 || variance(a) < 1e-12 || variance(b) < 1e-12) return 0;
  return sampleCorrelation(a, b);
}
