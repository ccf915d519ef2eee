import { Hono } from 'hono';
import * as z from 'zod';
import { BadRequest, type Client, type EventBus, type Health, type Organ, readQuery } from '../kit/index.ts';
import { streamHealth } from '../kit/stream-health.ts';
import { STEPS, type StepName, type TallyQuery } from '../kit/tally.ts';
import { count, merge, overview, series } from './dashboards.ts';
import { cellsOfAll } from './replicas.ts';
import { Shares } from './shares.ts';

export interface AnalyticsOptions {
  /** Shared by the replicas; each has its own file in it. */
  readonly folder: string;
  readonly instance: string;
  readonly events: EventBus;
  readonly client: Client;
  /** Which topics are counted, default all. */
  readonly topics?: readonly string[];
  /** More events than this waiting is a warning, default 5000. */
  readonly lagWarn?: number;
  /** Milliseconds without the bus until it counts as gone, default 5 s. */
  readonly goneMs?: number;
  readonly sessionTimeoutMs?: number;
  readonly now?: () => number;
}

const MAX_WINDOWS = 10_000;
const name = z.string().min(1).max(200);
const step = z.enum(Object.keys(STEPS) as [StepName, ...StepName[]]);
const scope = z.enum(['total', 'replica']).default('total');
const time = z.coerce.number().int().min(0).max(8.64e15);
const selection = { topic: name.optional(), type: name.optional(), field: z.string().max(60).optional() };

const OverviewQuery = z.strictObject({
  minutes: z.coerce.number().int().min(1).max(10_080).default(60),
  topic: name.optional(),
  scope,
});
const SeriesQuery = z.strictObject({
  ...selection,
  step: step.default('1m'),
  windows: z.coerce.number().int().min(1).max(MAX_WINDOWS).default(60),
  scope,
});
const CellsQuery = z.strictObject({ ...selection, step, from: time, to: time });

/** Analytics: counts what goes over the event bus, by topic, type and window, shared among its replicas. */
export function analytics(options: AnalyticsOptions): Organ {
  const { folder, instance, events, client, topics = ['*'], lagWarn = 5000, goneMs = 5000, now = Date.now } = options;
  const { sessionTimeoutMs } = options;
  const shares = new Shares(folder, instance, now);
  const { tally } = shares;
  const settings = { topics, group: 'analytics', ...(sessionTimeoutMs ? { sessionTimeoutMs } : {}) };
  const subscription = events.subscribe(settings, (batch) => {
    while (!tally.take(batch)) for (const partition of tally.unowned(batch)) shares.claim(partition);
  });

  /** The cells that a dashboard is about, and where they come from. */
  const gather = async (query: TallyQuery, wanted: 'total' | 'replica') => {
    const all =
      wanted === 'total'
        ? await cellsOfAll(client, shares, instance, query)
        : [{ instance, from: 'self' as const, cells: tally.cells(query) }];
    const replicas = all.map(({ cells, ...replica }) => ({ ...replica, events: count(cells) }));
    return { cells: merge(all.flatMap(({ cells }) => cells)), replicas };
  };

  const app = new Hono()
    .get('/dashboards', (c) =>
      c.json({ dashboards: ['/dashboards/overview', '/dashboards/series'], series: tally.series() }),
    )
    .get('/dashboards/overview', async (c) => {
      const { minutes, topic, scope: wanted } = readQuery(c, OverviewQuery);
      const to = Math.ceil(now() / 60_000) * 60_000;
      const from = to - minutes * 60_000;
      const { cells, replicas } = await gather({ step: '1m', from, to, topic }, wanted);
      return c.json({ ...span(from, to), ...overview(cells, minutes * 60), replicas });
    })
    .get('/dashboards/series', async (c) => {
      const { step: size, windows, scope: wanted, ...selected } = readQuery(c, SeriesQuery);
      const { ms } = STEPS[size];
      const to = Math.ceil(now() / ms) * ms;
      const from = to - windows * ms;
      const { cells, replicas } = await gather({ step: size, from, to, ...selected }, wanted);
      return c.json({ ...span(from, to), step: size, windows: series(cells, size, from, to), replicas });
    })
    .get('/cells', (c) => {
      const query = readQuery(c, CellsQuery);
      if ((query.to - query.from) / STEPS[query.step].ms > MAX_WINDOWS) {
        throw new BadRequest(`from and to are more than ${MAX_WINDOWS} windows apart`);
      }
      return c.json({ instance, cells: tally.cells(query) });
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
    shares.close();
  };
  return { name: 'analytics', app, health, close };
}

function span(from: number, to: number) {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}
