import { Hono } from 'hono';
import * as z from 'zod';
import {
  adminOnly,
  type Client,
  Conflict,
  type EventBus,
  type Health,
  NotFound,
  type Organ,
  openDatabase,
  readBody,
  readQuery,
  type State,
  Unprocessable,
} from '../kit/index.ts';
import { History, migrations } from './history.ts';
import { Monitor } from './monitor.ts';
import { Rule } from './rules.ts';

export interface MonitoringOptions {
  readonly folder: string;
  readonly client: Client;
  readonly events: EventBus;
  readonly state: State;
  readonly registryUrl: string | undefined;
  /** Rules that are always in force, as JSON (`rules.json`). Throws when they are not rules. */
  readonly rules?: unknown;
  /** Between two rounds, default 15 s; a third of it after a failure. */
  readonly intervalMs?: number;
  /** Before the first round, so that the boot is over, default 2 s. */
  readonly delayMs?: number;
  /** How long samples are kept, default 6 hours. */
  readonly retentionMs?: number;
  readonly now?: () => number;
}

const MAX_RULES = 500;
const name = z.string().min(1).max(200);
const AlertQuery = z.strictObject({
  state: z.enum(['pending', 'firing']).optional(),
  severity: z.enum(['info', 'warning', 'critical']).optional(),
});
const HistoryQuery = z.strictObject({
  metric: name,
  organ: name.optional(),
  instance: name.optional(),
  minutes: z.coerce.number().min(0.1).max(10_080).default(60),
  points: z.coerce.number().int().min(1).max(2000).default(240),
});

/** Monitoring: scrapes every instance, keeps what it read, fires alerts by rules and publishes them. */
export function monitoring(options: MonitoringOptions): Organ {
  const { folder, intervalMs = 15_000, delayMs = 2000, retentionMs = 6 * 3_600_000, now = Date.now } = options;
  const fixed = z.array(Rule).parse(options.rules ?? []);
  const db = openDatabase(folder, 'monitoring', migrations);
  const history = new History(db);
  const rules = () => [...fixed, ...history.rules()];
  const monitor = new Monitor({ ...options, history, rules, retentionMs, now });

  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> = Promise.resolve();
  let isClosed = false;
  let roundFailure: string | undefined;
  const plan = (ms: number) => {
    timer = setTimeout(() => {
      round = run();
    }, ms);
  };
  const run = async () => {
    try {
      await monitor.round();
      roundFailure = undefined;
    } catch (error) {
      roundFailure = String(error); // the disk, most likely: the health check tells it
    }
    const isWell = !roundFailure && !monitor.registryFailure && monitor.failed.length === 0;
    if (!isClosed) plan(isWell ? intervalMs : intervalMs / 3);
  };
  plan(delayMs);

  const app = new Hono()
    .get('/alerts', (c) => {
      const { state, severity } = readQuery(c, AlertQuery);
      const alerts = history
        .alerts()
        .filter((alert) => (!state || alert.state === state) && (!severity || alert.severity === severity))
        .map((alert) => ({ ...alert, since: new Date(alert.since).toISOString() }));
      return c.json({ count: alerts.length, alerts });
    })
    .get('/rules', (c) => c.json({ fixed, added: history.rules() }))
    .post('/rules', adminOnly, async (c) => {
      const rule = await readBody(c, Rule);
      if (rules().some((known) => known.name === rule.name)) throw new Conflict(`there is a rule ${rule.name} already`);
      if (rules().length >= MAX_RULES) throw new Unprocessable(`there are ${MAX_RULES} rules already`);
      history.addRule(rule);
      return c.json(rule, 201);
    })
    .delete('/rules/:name', adminOnly, (c) => {
      const named = c.req.param('name');
      if (fixed.some((rule) => rule.name === named)) throw new Conflict(`rule ${named} is of the file rules.json`);
      if (!history.removeRule(named)) throw new NotFound(`there is no rule ${named}`);
      return c.body(null, 204);
    })
    .get('/targets', (c) =>
      c.json({
        at: monitor.lastRoundAt === undefined ? null : new Date(monitor.lastRoundAt).toISOString(),
        targets: monitor.scrapes.map(({ target, failure, samples, ms }) => ({
          ...target,
          up: failure === undefined,
          samples: samples.length,
          ms,
          ...(failure === undefined ? {} : { failure }),
        })),
      }),
    )
    .get('/history', (c) => {
      if (Object.keys(c.req.query()).length === 0) return c.json({ metrics: history.metrics() });
      const { minutes, ...query } = readQuery(c, HistoryQuery);
      return c.json({ series: history.read({ ...query, from: now() - minutes * 60_000 }) });
    });

  const health = (): Health => {
    const { scrapes, failed, registryFailure, sharingFailure } = monitor;
    const alerts = history.alerts();
    const metrics = {
      targets: scrapes.length,
      failing: failed.length,
      series: history.size,
      firing: alerts.filter((alert) => alert.state === 'firing').length,
      pending: alerts.filter((alert) => alert.state === 'pending').length,
      unpublished: history.unpublishedCount,
    };
    if (roundFailure) return { status: 'fail', reason: `nothing can be kept: ${roundFailure}`, metrics };
    if (registryFailure) {
      const { reason, rounds } = registryFailure;
      return { status: rounds > 1 ? 'fail' : 'warn', reason, metrics };
    }
    if (failed.length > 0) {
      const reasons = failed.slice(0, 5).map(({ target, failure }) => `${target.instance}: ${failure}`);
      return { status: 'warn', reason: `${failed.length} cannot be scraped: ${reasons.join('; ')}`, metrics };
    }
    if (sharingFailure) return { status: 'warn', reason: `alerts wait to be told: ${sharingFailure}`, metrics };
    return { status: 'pass', metrics };
  };
  const close = async () => {
    isClosed = true;
    clearTimeout(timer);
    await round;
    await Promise.all([options.events.close(), options.state.close()]);
    db.close();
  };
  return { name: 'monitoring', app, health, close };
}
