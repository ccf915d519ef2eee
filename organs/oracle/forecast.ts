import { mean, standardDeviation } from 'simple-statistics';

/** Forecasts of a series of equal steps. Pure; no kept library has Holt-Winters, so it is here. */

export type Method = 'mean' | 'holt' | 'holt-winters';

export interface Model {
  readonly method: Method;
  /** Why this method, for whoever reads the forecast. */
  readonly reason: string;
  readonly parameters: Readonly<Record<string, number>>;
  /** Errors one step ahead, over the series it was fitted to. */
  readonly residuals: readonly number[];
  /** The next `horizon` values. */
  forecast(horizon: number): number[];
}

/** Below this many points nothing but the mean is honest. */
export const MIN_FOR_TREND = 10;
const GRID = [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9];

/** The best model that there is enough data for. `season`: points in one season, 0 for none. The series is not empty. */
export function fit(series: readonly number[], season: number): Model {
  const { length } = series;
  if (length < MIN_FOR_TREND) {
    return average(series, `${length} points are too few for a trend, which needs ${MIN_FOR_TREND}`);
  }
  if (season < 2) return holt(series, 'no season was found or asked for');
  if (length < 2 * season) return holt(series, `${length} points are less than two seasons of ${season}`);
  return holtWinters(series, season);
}

export interface Backtest {
  /** Points held out at the end of the series, which the model did not see. */
  readonly heldOut: number;
  readonly method: Method;
  /** Mean absolute error and root mean square error, in the unit of the series. */
  readonly mae: number;
  readonly rmse: number;
  /** The error of the mean of what came before, in the same place: a model worth having is below it. */
  readonly maeOfMean: number;
  /** The share of held-out points within the 95 % interval. */
  readonly coverage: number;
}

/** Fits to all but the last points and compares with those; undefined when there are too few to hold any out. */
export function backtest(series: readonly number[], season: number, horizon: number): Backtest | undefined {
  const heldOut = Math.min(horizon, Math.floor(series.length / 4));
  if (heldOut < 1 || series.length - heldOut < 3) return undefined;
  const [seen, actual] = [series.slice(0, -heldOut), series.slice(-heldOut)];
  const model = fit(seen, season);
  const predicted = model.forecast(heldOut);
  const margins = intervals(model, heldOut);
  const errors = actual.map((value, i) => value - predicted[i]!);
  const level = mean(seen);
  return {
    heldOut,
    method: model.method,
    mae: mean(errors.map(Math.abs)),
    rmse: Math.sqrt(mean(errors.map((error) => error * error))),
    maeOfMean: mean(actual.map((value) => Math.abs(value - level))),
    coverage: errors.filter((error, i) => Math.abs(error) <= margins[i]!).length / heldOut,
  };
}

/** Half the width of the 95 % interval of each step ahead: the spread of one-step errors, grown as a random walk's. */
export function intervals({ method, residuals, parameters }: Model, horizon: number): number[] {
  const spread = residuals.length > 1 ? standardDeviation([...residuals]) : 0;
  const alpha = parameters.alpha ?? 0;
  return Array.from(
    { length: horizon },
    (_, i) => 1.96 * spread * Math.sqrt(method === 'mean' ? 1 : 1 + i * alpha * alpha),
  );
}

function average(series: readonly number[], reason: string): Model {
  const level = mean([...series]);
  return {
    method: 'mean',
    reason,
    parameters: { level },
    residuals: series.map((value) => value - level),
    forecast: (horizon) => Array<number>(horizon).fill(level),
  };
}

interface Fitted {
  readonly residuals: readonly number[];
  readonly error: number;
  forecast(horizon: number): number[];
}

/** Double exponential smoothing: level and trend. */
function holt(series: readonly number[], reason: string): Model {
  const run = (alpha: number, beta: number): Fitted => {
    let level = series[0]!;
    let trend = (series[MIN_FOR_TREND - 1]! - series[0]!) / (MIN_FOR_TREND - 1);
    const residuals = series.slice(1).map((value) => {
      const expected = level + trend;
      const before = level;
      level = alpha * value + (1 - alpha) * expected;
      trend = beta * (level - before) + (1 - beta) * trend;
      return value - expected;
    });
    const forecast = (horizon: number) => Array.from({ length: horizon }, (_, i) => level + (i + 1) * trend);
    return { residuals, error: squares(residuals), forecast };
  };
  const [alpha, beta] = best(
    GRID.flatMap((a) => [0, ...GRID].map((b): [number, number] => [a, b])),
    run,
  );
  return { method: 'holt', reason, parameters: { alpha, beta }, ...run(alpha, beta) };
}

/** Triple exponential smoothing (Holt-Winters, additive): level, trend and a season. Needs two seasons. */
function holtWinters(series: readonly number[], season: number): Model {
  const [first, second] = [series.slice(0, season), series.slice(season, 2 * season)];
  const [level0, trend0] = [mean(first), (mean(second) - mean(first)) / season];
  const middle = (season - 1) / 2;
  const run = (alpha: number, beta: number, gamma: number): Fitted => {
    let [level, trend] = [level0 + trend0 * middle, trend0];
    const seasonal = first.map((value, i) => value - (level0 + trend0 * (i - middle)));
    const residuals = series.slice(season).map((value, i) => {
      const at = i % season;
      const expected = level + trend + seasonal[at]!;
      const before = level;
      level = alpha * (value - seasonal[at]!) + (1 - alpha) * (level + trend);
      trend = beta * (level - before) + (1 - beta) * trend;
      seasonal[at] = gamma * (value - level) + (1 - gamma) * seasonal[at]!;
      return value - expected;
    });
    const forecast = (horizon: number) =>
      Array.from({ length: horizon }, (_, i) => level + (i + 1) * trend + seasonal[(series.length + i) % season]!);
    return { residuals, error: squares(residuals), forecast };
  };
  const small = [0, 0.05, 0.2, 0.5];
  const choices = GRID.flatMap((a) =>
    small.flatMap((b) => [0, ...GRID].map((c): [number, number, number] => [a, b, c])),
  );
  const [alpha, beta, gamma] = best(choices, run);
  const reason = `${series.length} points hold ${Math.floor(series.length / season)} seasons of ${season}`;
  return { method: 'holt-winters', reason, parameters: { alpha, beta, gamma, season }, ...run(alpha, beta, gamma) };
}

/** The parameters with the least squared error one step ahead. */
function best<P extends number[]>(choices: readonly P[], run: (...parameters: P) => Fitted): P {
  let [least, chosen] = [Number.POSITIVE_INFINITY, choices[0]!];
  for (const choice of choices) {
    const { error } = run(...choice);
    if (error < least) [least, chosen] = [error, choice];
  }
  return chosen;
}

function squares(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}
