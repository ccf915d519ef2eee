import type { Database } from '../kit/index.ts';
import type { Alert, Change, Rule } from './rules.ts';

export const migrations: readonly string[] = [
  `CREATE TABLE series (
     id INTEGER PRIMARY KEY, organ TEXT NOT NULL, instance TEXT NOT NULL, metric TEXT NOT NULL, labels TEXT NOT NULL,
     type TEXT NOT NULL, UNIQUE (instance, metric, labels)
   ) STRICT;
   CREATE INDEX series_by_metric ON series (metric);
   CREATE TABLE samples (
     series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE, at INTEGER NOT NULL, value REAL NOT NULL,
     PRIMARY KEY (series, at)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE rules (name TEXT PRIMARY KEY, rule TEXT NOT NULL) STRICT;
   CREATE TABLE alerts (id TEXT PRIMARY KEY, alert TEXT NOT NULL) STRICT;
   CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, change TEXT NOT NULL) STRICT;`,
];

export interface Scraped {
  readonly organ: string;
  readonly instance: string;
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly type: string;
  readonly value: number;
}

export interface HistoryQuery {
  readonly metric: string;
  readonly organ?: string | undefined;
  readonly instance?: string | undefined;
  readonly from: number;
  /** Newest points of each series. */
  readonly points: number;
}

export const MAX_SERIES = 20_000;
const MAX_SERIES_TOLD = 200;

/** What was scraped and for how long it is kept; the rules that were added, the alerts, and those not yet published. */
export class History {
  readonly #db: Database;
  readonly #ids = new Map<string, number>();

  constructor(db: Database) {
    this.#db = db;
    const rows = db.prepare<[], { id: number; instance: string; metric: string; labels: string }>(
      'SELECT * FROM series',
    );
    for (const { id, ...row } of rows.all()) this.#ids.set(nameOf(row), id);
  }

  /** Keeps one round. Values that are no numbers are not kept, nor series beyond the most there may be; returns how many. */
  write(at: number, scraped: readonly Scraped[]): number {
    const insert = this.#db.prepare('INSERT INTO samples VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
    const write = this.#db.transaction(() => {
      let dropped = 0;
      for (const sample of scraped) {
        const id = Number.isNaN(sample.value) ? undefined : this.#idOf(sample);
        if (id === undefined) dropped += 1;
        else insert.run(id, at, sample.value);
      }
      return dropped;
    });
    return write.immediate();
  }

  read({ metric, organ, instance, from, points }: HistoryQuery) {
    const series = this.#db
      .prepare<
        unknown[],
        { id: number; organ: string; instance: string; metric: string; labels: string; type: string }
      >(
        `SELECT * FROM series WHERE metric = :metric AND (:organ IS NULL OR organ = :organ)
           AND (:instance IS NULL OR instance = :instance) ORDER BY instance, labels LIMIT :limit`,
      )
      .all({ metric, organ: organ ?? null, instance: instance ?? null, limit: MAX_SERIES_TOLD });
    const samples = this.#db.prepare<unknown[], { at: number; value: number }>(
      'SELECT at, value FROM samples WHERE series = ? AND at >= ? ORDER BY at DESC LIMIT ?',
    );
    return series.map(({ id, labels, ...rest }) => ({
      ...rest,
      labels: JSON.parse(labels) as Record<string, string>,
      points: samples
        .all(id, from, points)
        .reverse()
        .map(({ at, value }) => ({ at: new Date(at).toISOString(), value })),
    }));
  }

  metrics(): { metric: string; series: number }[] {
    return this.#db
      .prepare<[], { metric: string; series: number }>(
        'SELECT metric, count(*) AS series FROM series GROUP BY metric ORDER BY metric',
      )
      .all();
  }

  get size(): number {
    return this.#ids.size;
  }

  /** Forgets samples older than `before`, and series that have none any more. */
  forget(before: number): void {
    this.#db.prepare('DELETE FROM samples WHERE at < ?').run(before);
    const gone = this.#db
      .prepare<[], { instance: string; metric: string; labels: string }>(
        `DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM samples WHERE series = series.id)
         RETURNING instance, metric, labels`,
      )
      .all();
    for (const row of gone) this.#ids.delete(nameOf(row));
  }

  rules(): Rule[] {
    const rows = this.#db.prepare<[], string>('SELECT rule FROM rules ORDER BY name').pluck().all();
    return rows.map((rule) => JSON.parse(rule) as Rule);
  }

  addRule(rule: Rule): void {
    this.#db.prepare('INSERT INTO rules VALUES (?, ?)').run(rule.name, JSON.stringify(rule));
  }

  /** False when there is no such rule. */
  removeRule(name: string): boolean {
    return this.#db.prepare('DELETE FROM rules WHERE name = ?').run(name).changes > 0;
  }

  alerts(): Alert[] {
    const rows = this.#db.prepare<[], string>('SELECT alert FROM alerts ORDER BY id').pluck().all();
    return rows.map((alert) => JSON.parse(alert) as Alert);
  }

  /** Alerts and the changes to be published, in one transaction: no change is lost, none is told that was not kept. */
  replaceAlerts(alerts: readonly Alert[], changes: readonly Change[]): void {
    const insert = this.#db.prepare('INSERT INTO alerts VALUES (?, ?)');
    const post = this.#db.prepare('INSERT INTO outbox (change) VALUES (?)');
    const replace = this.#db.transaction(() => {
      this.#db.exec('DELETE FROM alerts');
      for (const alert of alerts) insert.run(alert.id, JSON.stringify(alert));
      for (const change of changes) post.run(JSON.stringify(change));
    });
    replace.immediate();
  }

  unpublished(limit = 100): { seq: number; change: Change }[] {
    const rows = this.#db.prepare<[number], { seq: number; change: string }>(
      'SELECT * FROM outbox ORDER BY seq LIMIT ?',
    );
    return rows.all(limit).map(({ seq, change }) => ({ seq, change: JSON.parse(change) as Change }));
  }

  published(upTo: number): void {
    this.#db.prepare('DELETE FROM outbox WHERE seq <= ?').run(upTo);
  }

  get unpublishedCount(): number {
    return this.#db.prepare('SELECT count(*) FROM outbox').pluck().get() as number;
  }

  #idOf({ organ, instance, metric, labels, type }: Scraped): number | undefined {
    const row = { instance, metric, labels: JSON.stringify(labels) };
    const known = this.#ids.get(nameOf(row));
    if (known !== undefined || this.#ids.size >= MAX_SERIES) return known;
    const { lastInsertRowid } = this.#db
      .prepare('INSERT INTO series (organ, instance, metric, labels, type) VALUES (?, ?, ?, ?, ?)')
      .run(organ, instance, metric, row.labels, type);
    this.#ids.set(nameOf(row), Number(lastInsertRowid));
    return Number(lastInsertRowid);
  }
}

function nameOf({ instance, metric, labels }: { instance: string; metric: string; labels: string }): string {
  return `${instance}\n${metric}\n${labels}`;
}
