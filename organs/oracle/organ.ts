import { Hono } from 'hono';
import * as z from 'zod';
import { Histogram } from '../kit/histogram.ts';
import {
  type EventBus,
  type Health,
  NotFound,
  type Organ,
  openDatabase,
  readQuery,
  Unprocessable,
} from '../kit/index.ts';
import { streamHealth } from '../kit/stream-health.ts';
import { STEPS, type StepName, TALLY_TABLES, Tally } from '../kit/tally.ts';
import { backtest, fit, intervals } from './forecast.ts';
import { findSeason } from './season.ts';

export interface OracleOptions {
  readonly folder: string;
  readonly events: EventBus;
  readonly topics?: readonly string[];
  /** More events than this waiting is a warning, default 5000. */
  readonly lagWarn?: number;
  /** Milliseconds without the bus until it counts as gone, default 5 s. */
  readonly goneMs?: number;
  readonly now?: () => number;
}

const name = z.string().min(1).max(200);
const METRICS = ['count', 'rate', 'mean', 'p50', 'p95', 'p99'] as const;
const MAX_POINTS = 2000;
const selection = {
  topic: name,
  type: name.optional(),
  field: z.string().min(1).max(60).optional(),
  metric: z.enum(METRICS).default('count'),
  step: z.enum(Object.keys(STEPS) as [StepName, ...StepName[]]).default('1m'),
  points: z.coerce.number().int().min(1).max(MAX_POINTS).default(240),
};
const SeriesQuery = z.strictObject(selection);
const ForecastQuery = z.strictObject({
  ...selection,
  horizon: z.coerce.number().int().min(1).max(500).default(12),
  /** Points in a season; not given = looked for, 0 = none. */
  season: z.coerce.number().int().min(0).max(1000).optional(),
});
type SeriesQuery = z.output<typeof SeriesQuery>;

interface Point {
  readonly at: number;
  /** null: the window had no event, so that it has no percentile. */
  readonly value: number | null;
}

/** Oracle: time series of what goes over the event bus, and forecasts that tell how far off they would have been. */
export function oracle(options: OracleOptions): Organ {
  const { folder, events, topics = ['*'], lagWarn = 5000, goneMs = 5000, now = Date.now } = options;
  const db = openDatabase(folder, 'oracle', [TALLY_TABLES]);
  const tally = new Tally(db, now);
  const subscription = events.subscribe({ topics, group: 'oracle' }, (batch) => {
    while (!tally.take(batch)) for (const at of tally.unowned(batch)) tally.own(at, tally.next(at));
  });

  /** The finished windows, from the first that ever had an event (or the first asked for) to the last. */
  const read = ({ topic, type, field, metric, step, points }: SeriesQuery): Point[] => {
    if (field === undefined && metric !== 'count' && metric !== 'rate') {
      throw new Unprocessable(`${metric} is of the numbers in a field of the events' data: say which field`);
    }
    if (!tally.series().some((one) => one.topic === topic && (type === undefined || one.type === type))) {
      throw new NotFound(`no event ${type === undefined ? '' : `of type ${type} `}was ever seen in topic ${topic}`);
    }
    const { ms } = STEPS[step];
    const to = Math.floor(now() / ms) * ms;
    const cells = tally.cells({ step, from: to - points * ms, to, topic, type, field: field ?? '' });
    const byStart = Map.groupBy(cells, ({ start }) => start);
    const first = cells[0]?.start ?? to;
    return Array.from({ length: (to - first) / ms }, (_, i) => {
      const at = first + i * ms;
      const own = (byStart.get(at) ?? []).reduce((sum, { histogram }) => sum.merge(histogram), new Histogram());
      return { at, value: measure(own, metric, ms) };
    });
  };

  const app = new Hono()
    .get('/series', (c) => {
      if (Object.keys(c.req.query()).length === 0) return c.json({ series: tally.series() });
      const query = readQuery(c, SeriesQuery);
      return c.json({ ...query, points: read(query).map(written) });
    })
    .get('/forecasts', (c) => {
      const { horizon, season: asked, ...query } = readQuery(c, ForecastQuery);
      const points = read(query);
      const values = points.flatMap(({ value }) => (value === null ? [] : [value]));
      if (values.length === 0) throw new Unprocessable('there is no finished window with a value yet');
      const hasGaps = values.length < points.length;
      const season = asked ?? (hasGaps ? 0 : findSeason(values));
      const model = fit(values, season);
      const margins = intervals(model, horizon);
      const next = points.at(-1)!.at + STEPS[query.step].ms;
      return c.json({
        ...query,
        points: values.length,
        ...(hasGaps ? { gaps: points.length - values.length } : {}),
        method: model.method,
        reason: model.reason,
        parameters: model.parameters,
        season: { points: season, from: asked === undefined ? 'found' : 'asked' },
        forecast: model.forecast(horizon).map((value, i) => {
          const atLeast = query.metric === 'count' || query.metric === 'rate' ? 0 : Number.NEGATIVE_INFINITY;
          const at = new Date(next + i * STEPS[query.step].ms).toISOString();
          const [low, high] = [value - margins[i]!, value + margins[i]!];
          return { at, value: Math.max(atLeast, value), low: Math.max(atLeast, low), high: Math.max(atLeast, high) };
        }),
        backtest: backtest(values, season, horizon) ?? null,
      });
    });

  const sweeper = setInterval(() => {
    try {
      tally.forget();
    } catch (error) {
      process.stderr.write(`old windows cannot be forgotten: ${error}\n`); // the next attempt is in a while
    }
  }, 60_000);
  sweeper.unref();

  const health = (): Health => {
    const stream = streamHealth(subscription.status, { lagWarn, goneMs });
    return { ...stream, metrics: { ...stream.metrics, series: tally.series().length } };
  };
  const close = async () => {
    clearInterval(sweeper);
    await events.close();
    db.close();
  };
  return { name: 'oracle', app, health, close };
}

function measure(histogram: Histogram, metric: SeriesQuery['metric'], ms: number): number | null {
  switch (metric) {
    case 'count':
      return histogram.count;
    case 'rate':
      return histogram.count / (ms / 1000);
    case 'mean':
      return histogram.count === 0 ? null : histogram.sum / histogram.count;
    case 'p50':
      return histogram.quantile(0.5);
    case 'p95':
      return histogram.quantile(0.95);
    case 'p99':
      return histogram.quantile(0.99);
    default: {
      const never: never = metric;
      throw new Error(`unknown metric ${never}`);
    }
  }
}

function written({ at, value }: Point) {
  return { at: new Date(at).toISOString(), value };
}
