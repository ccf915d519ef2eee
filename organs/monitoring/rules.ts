import { hash } from 'node:crypto';
import * as z from 'zod';

const text = z.string().min(1).max(200);

/** When an alert fires: exactly one of `above`, `below` and `absent`, for `forMs` without a break. */
export const Rule = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and "-"'),
    metric: z.string().regex(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$/, 'must be the name of a metric'),
    organ: text.optional(),
    instance: text.optional(),
    labels: z.record(text, z.string().max(200)).default({}),
    /** Looks at how much a counter grows in a second, instead of at its value. */
    rate: z.boolean().default(false),
    above: z.number().optional(),
    below: z.number().optional(),
    absent: z.literal(true).optional(),
    forMs: z.int().min(0).max(86_400_000).default(0),
    severity: z.enum(['info', 'warning', 'critical']),
    summary: text,
  })
  .refine(
    ({ above, below, absent }) => [above, below, absent].filter((given) => given !== undefined).length === 1,
    'must have exactly one of above, below and absent',
  );
export type Rule = z.output<typeof Rule>;

/** What a series shows now. */
export interface Reading {
  readonly organ: string;
  readonly instance: string;
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Growth in a second since the scrape before; undefined after the first. */
  readonly perSecond: number | undefined;
}

export interface Alert {
  readonly id: string;
  readonly rule: string;
  readonly severity: Rule['severity'];
  readonly summary: string;
  readonly organ: string | null;
  readonly instance: string | null;
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  /** null: absent. */
  readonly value: number | null;
  readonly state: 'pending' | 'firing';
  /** Milliseconds since 1970: when the condition began to hold. */
  readonly since: number;
}

export interface Change {
  readonly type: 'alert-firing' | 'alert-resolved';
  readonly alert: Alert;
}

/**
 * The alerts after a round of scrapes, and what changed. `silent`: instances that could not be scraped, of which nothing new
 * is known, so that their alerts stay as they are. Pure.
 */
export function evaluate(
  rules: readonly Rule[],
  readings: readonly Reading[],
  before: readonly Alert[],
  silent: ReadonlySet<string>,
  now: number,
): { alerts: Alert[]; changes: Change[] } {
  const known = new Map(before.map((alert) => [alert.id, alert]));
  const byMetric = Map.groupBy(readings, ({ metric }) => metric);
  const alerts = new Map<string, Alert>();
  for (const rule of rules) {
    const matching = (byMetric.get(rule.metric) ?? []).filter((reading) => isMeant(rule, reading));
    for (const found of conditions(rule, matching)) {
      const since = known.get(found.id)?.since ?? now;
      const { name, severity, summary, metric } = rule;
      const state = now - since >= rule.forMs ? 'firing' : 'pending';
      alerts.set(found.id, { ...found, rule: name, severity, summary, metric, state, since });
    }
    for (const alert of before) {
      const isUnknown = alert.rule === rule.name && alert.instance !== null && silent.has(alert.instance);
      const isRead = matching.some((reading) => idOf(rule.name, reading) === alert.id);
      if (isUnknown && !isRead) alerts.set(alert.id, alert);
    }
  }
  const fired = [...alerts.values()]
    .filter((alert) => alert.state === 'firing' && known.get(alert.id)?.state !== 'firing')
    .map((alert): Change => ({ type: 'alert-firing', alert }));
  const resolved = before
    .filter((alert) => alert.state === 'firing' && !alerts.has(alert.id))
    .map((alert): Change => ({ type: 'alert-resolved', alert }));
  return { alerts: [...alerts.values()], changes: [...fired, ...resolved] };
}

type Condition = Pick<Alert, 'id' | 'organ' | 'instance' | 'labels' | 'value'>;

function conditions(rule: Rule, matching: readonly Reading[]): Condition[] {
  const { above, below, absent, organ = null, instance = null, labels } = rule;
  if (absent) {
    return matching.length > 0
      ? []
      : [{ id: idOf(rule.name, { organ, instance, labels }), organ, instance, labels, value: null }];
  }
  return matching.flatMap((reading) => {
    const value = rule.rate ? reading.perSecond : reading.value;
    if (value === undefined || !((above !== undefined && value > above) || (below !== undefined && value < below)))
      return [];
    return [
      { id: idOf(rule.name, reading), organ: reading.organ, instance: reading.instance, labels: reading.labels, value },
    ];
  });
}

function isMeant({ organ, instance, labels }: Rule, reading: Reading): boolean {
  if (organ !== undefined && organ !== reading.organ) return false;
  if (instance !== undefined && instance !== reading.instance) return false;
  return Object.entries(labels).every(([name, value]) => reading.labels[name] === value);
}

/** The same for as long as rule and series are. */
function idOf(rule: string, { organ, instance, labels }: Pick<Condition, 'organ' | 'instance' | 'labels'>): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${rule}-${hash('sha1', JSON.stringify([organ, instance, sorted])).slice(0, 12)}`;
}
