import type { Database } from './database.ts';
import type { BusEvent } from './events.ts';
import { Histogram, type HistogramJson } from './histogram.ts';

const HOUR_MS = 3_600_000;
/** The windows that are kept: how long each is, and for how long. */
export const STEPS = {
  '10s': { ms: 10_000, keepMs: 6 * HOUR_MS },
  '1m': { ms: 60_000, keepMs: 7 * 24 * HOUR_MS },
  '1h': { ms: HOUR_MS, keepMs: 400 * 24 * HOUR_MS },
} as const;
export type StepName = keyof typeof STEPS;

/** What happened in one window: events of a type, or (`field` not empty) the numbers in one field of their data. */
export interface Cell {
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly topic: string;
  readonly type: string;
  readonly field: string;
  readonly histogram: Histogram;
}

export interface TallyQuery {
  readonly step: StepName;
  /** Windows that begin in [from, to). */
  readonly from: number;
  readonly to: number;
  readonly topic?: string | undefined;
  readonly type?: string | undefined;
  readonly field?: string | undefined;
}

export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

/** One of the migrations of whoever keeps a tally. */
export const TALLY_TABLES = `
  CREATE TABLE tallies (
    step TEXT NOT NULL, start INTEGER NOT NULL, topic TEXT NOT NULL, type TEXT NOT NULL, field TEXT NOT NULL,
    histogram TEXT NOT NULL, PRIMARY KEY (step, start, topic, type, field)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE series (topic TEXT NOT NULL, type TEXT NOT NULL, PRIMARY KEY (topic, type)) STRICT, WITHOUT ROWID;
  CREATE TABLE positions (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, owned INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
  ) STRICT, WITHOUT ROWID;`;

/** Types beyond these are counted together, so that no publisher can fill the disk with names. */
const MAX_SERIES = 1000;
const MAX_FIELDS = 8;
export const OTHER = '(other)';

/**
 * Events counted by topic, type and window. What is counted and how far, by partition, is one transaction: an event that
 * is delivered again is not counted again.
 */
export class Tally {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** Counts what is new among the events. False, and nothing counted, when a partition is not (or no longer) owned. */
  take(events: readonly BusEvent[]): boolean {
    const take = this.#db.transaction(() => {
      if (this.unowned(events).length > 0) return false;
      const fresh: BusEvent[] = [];
      for (const own of Map.groupBy(events, partitionName).values()) {
        const next = this.next(own[0]!);
        fresh.push(...own.filter(({ offset }) => offset >= next));
        this.own(own[0]!, Math.max(next, own.at(-1)!.offset + 1));
      }
      this.#add(fresh);
      return true;
    });
    return take.immediate();
  }

  /** The partitions of these events that are not owned. */
  unowned(events: readonly BusEvent[]): Partition[] {
    const first = [...Map.groupBy(events, partitionName).values()].map(([event]) => event!);
    return first.filter((event) => !this.#isOwned(event));
  }

  /** How far a partition is counted, owned or not. */
  next({ topic, partition }: Partition): number {
    const next = this.#db
      .prepare<[string, number], number>('SELECT next_offset FROM positions WHERE topic = ? AND partition = ?')
      .pluck();
    return next.get(topic, partition) ?? 0;
  }

  own({ topic, partition }: Partition, next: number): void {
    this.#db
      .prepare(
        `INSERT INTO positions VALUES (?, ?, ?, 1)
         ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset, owned = 1`,
      )
      .run(topic, partition, next);
  }

  /** Gives a partition up and returns how far it is counted; from then on `take` refuses its events. */
  disown(at: Partition): number {
    const disown = this.#db.transaction(() => {
      this.#db.prepare('UPDATE positions SET owned = 0 WHERE topic = ? AND partition = ?').run(at.topic, at.partition);
      return this.next(at);
    });
    return disown.immediate();
  }

  cells({ step, from, to, topic, type, field }: TallyQuery): Cell[] {
    const rows = this.#db
      .prepare<unknown[], Omit<Cell, 'histogram'> & { histogram: string }>(
        `SELECT start, topic, type, field, histogram FROM tallies
         WHERE step = :step AND start >= :from AND start < :to AND (:topic IS NULL OR topic = :topic)
           AND (:type IS NULL OR type = :type) AND (:field IS NULL OR field = :field)
         ORDER BY start, topic, type, field`,
      )
      .all({ step, from, to, topic: topic ?? null, type: type ?? null, field: field ?? null });
    return rows.map((row) => ({ ...row, histogram: Histogram.from(JSON.parse(row.histogram) as HistogramJson) }));
  }

  /** Topics and types that were ever counted. */
  series(): { topic: string; type: string }[] {
    return this.#db.prepare<[], { topic: string; type: string }>('SELECT * FROM series ORDER BY topic, type').all();
  }

  /** Forgets windows that are older than their step is kept. */
  forget(): void {
    const statement = this.#db.prepare('DELETE FROM tallies WHERE step = ? AND start < ?');
    for (const [step, { keepMs }] of Object.entries(STEPS)) statement.run(step, this.#now() - keepMs);
  }

  #isOwned({ topic, partition }: Partition): boolean {
    const owned = this.#db.prepare('SELECT 1 FROM positions WHERE topic = ? AND partition = ? AND owned = 1');
    return owned.get(topic, partition) !== undefined;
  }

  #add(events: readonly BusEvent[]): void {
    const cells = new Map<string, Histogram>();
    const add = (key: readonly [string, number, string, string, string], value: number) => {
      const name = JSON.stringify(key);
      const histogram = cells.get(name) ?? new Histogram();
      histogram.add(value);
      cells.set(name, histogram);
    };
    const latest = this.#now() + HOUR_MS; // a clock that is further ahead is wrong
    for (const event of events) {
      const type = this.#typeOf(event);
      const at = event.at > latest ? this.#now() : event.at;
      const fields = type === OTHER ? [] : numbersIn(event.data);
      for (const [step, { ms }] of Object.entries(STEPS)) {
        const start = Math.floor(at / ms) * ms;
        add([step, start, event.topic, type, ''], 1);
        for (const [field, value] of fields) add([step, start, event.topic, type, field], value);
      }
    }
    const known = this.#db
      .prepare<unknown[], string>(
        'SELECT histogram FROM tallies WHERE step = ? AND start = ? AND topic = ? AND type = ? AND field = ?',
      )
      .pluck();
    const write = this.#db.prepare(
      'INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET histogram = excluded.histogram',
    );
    for (const [name, histogram] of cells) {
      const key = JSON.parse(name) as unknown[];
      const before = known.get(...key);
      if (before) histogram.merge(Histogram.from(JSON.parse(before) as HistogramJson));
      write.run(...key, JSON.stringify(histogram));
    }
  }

  #typeOf({ topic, type }: BusEvent): string {
    if (this.#db.prepare('SELECT 1 FROM series WHERE topic = ? AND type = ?').get(topic, type)) return type;
    const count = this.#db.prepare('SELECT count(*) FROM series').pluck().get() as number;
    const counted = count < MAX_SERIES ? type : OTHER;
    this.#db.prepare('INSERT OR IGNORE INTO series VALUES (?, ?)').run(topic, counted);
    return counted;
  }
}

/** The numbers that an event carries: its data itself (`value`), or the first few fields of it. */
function numbersIn(data: unknown): [string, number][] {
  if (typeof data === 'number') return isCountable(data) ? [['value', data]] : [];
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return [];
  return Object.entries(data)
    .filter((entry): entry is [string, number] => isCountable(entry[1]) && /^[\w.-]{1,60}$/.test(entry[0]))
    .slice(0, MAX_FIELDS);
}

/** Larger ones would make a sum that is no number any more. */
function isCountable(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 1e100;
}

function partitionName({ topic, partition }: Partition): string {
  return `${topic}/${partition}`;
}
