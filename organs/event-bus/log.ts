import { hash } from 'node:crypto';
import { type BusEvent, Conflict, type Database, type EventBody, NotFound, Unprocessable } from '../kit/index.ts';

export interface Topic {
  readonly name: string;
  /** Milliseconds after which an event may be forgotten. */
  readonly retentionMs: number;
  /** The offset after the last event, by partition. */
  readonly ends: readonly number[];
}

export interface Appended {
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
  /** It had been published before, under this id. */
  readonly duplicate: boolean;
}

export interface Defaults {
  readonly partitions: number;
  readonly retentionMs: number;
}

interface Row {
  readonly seq: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
  readonly source: string;
  readonly at: number;
  readonly data: string;
}

export const MAX_TOPICS = 1000;
/** Characters of data in one answer; at least one event fits. */
const MAX_CHARACTERS = 2 * 1024 * 1024;

/** Topics of partitions: events that are appended, read from an offset on, and forgotten after a while. */
export class EventLog {
  readonly #db: Database;
  readonly #defaults: Defaults;
  readonly #now: () => number;
  #topics = new Map<string, { retentionMs: number; ends: number[] }>();

  constructor(db: Database, defaults: Defaults, now: () => number) {
    this.#db = db;
    this.#defaults = defaults;
    this.#now = now;
    const rows = db.prepare<[], { name: string; retention_ms: number }>('SELECT name, retention_ms FROM topics').all();
    const ends = db
      .prepare<[string], number>('SELECT next_offset FROM partitions WHERE topic = ? ORDER BY partition')
      .pluck();
    for (const { name, retention_ms } of rows) {
      this.#topics.set(name, { retentionMs: retention_ms, ends: ends.all(name) });
    }
  }

  get topics(): Topic[] {
    return [...this.#topics].map(([name, topic]) => ({ name, ...topic })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (!topic) throw new NotFound(`there is no topic ${name}`);
    return { name, ...topic };
  }

  has(name: string): boolean {
    return this.#topics.has(name);
  }

  /** Makes a topic. Throws Conflict when there is one with another number of partitions, which is for ever. */
  create(name: string, { partitions, retentionMs }: Defaults): Topic {
    const known = this.#topics.get(name);
    if (known && known.ends.length !== partitions) {
      throw new Conflict(`topic ${name} has ${known.ends.length} partitions, not ${partitions}`);
    }
    if (known) {
      this.#db.prepare('UPDATE topics SET retention_ms = ? WHERE name = ?').run(retentionMs, name);
      known.retentionMs = retentionMs;
    } else {
      this.#db.transaction(() => this.#insertTopic(name, partitions, retentionMs)).immediate();
      this.#topics.set(name, { retentionMs, ends: Array(partitions).fill(0) });
    }
    return this.topic(name);
  }

  /**
   * Appends in one transaction, which is on disk when this returns; makes the topic when there is none. The partition
   * follows from the key, without one from the id, so that an event that is sent again meets itself.
   */
  append(name: string, events: readonly EventBody[]): Appended[] {
    const { retentionMs, ends: before } = this.#topics.get(name) ?? {
      retentionMs: this.#defaults.retentionMs,
      ends: Array<number>(this.#defaults.partitions).fill(0),
    };
    const ends = [...before];
    const appended = this.#db
      .transaction(() => {
        if (!this.#topics.has(name)) this.#insertTopic(name, ends.length, retentionMs);
        const results = events.map((event) => this.#appendOne(name, event, ends));
        const advance = this.#db.prepare('UPDATE partitions SET next_offset = ? WHERE topic = ? AND partition = ?');
        for (const [partition, end] of ends.entries()) {
          if (end !== before[partition]) advance.run(end, name, partition);
        }
        return results;
      })
      .immediate();
    this.#topics.set(name, { retentionMs, ends });
    return appended;
  }

  /** Several appends in one transaction: each succeeds or fails by itself, unless the disk fails, which throws. */
  appendAll(
    requests: readonly { readonly topic: string; readonly events: readonly EventBody[] }[],
  ): ({ appended: Appended[] } | { error: unknown })[] {
    const before = new Map(this.#topics);
    const appendEach = this.#db.transaction(() =>
      requests.map(({ topic, events }) => {
        try {
          return { appended: this.append(topic, events) };
        } catch (error) {
          if (!this.#db.inTransaction) throw error; // SQLite has rolled back all of it
          return { error };
        }
      }),
    );
    try {
      return appendEach.immediate();
    } catch (error) {
      this.#topics = before;
      throw error;
    }
  }

  /** Events of a partition from `offset` on, as many as `limit` and the size of an answer allow. */
  read(
    topic: string,
    partition: number,
    offset: number,
    limit: number,
    room = { characters: MAX_CHARACTERS },
  ): BusEvent[] {
    const rows = this.#db
      .prepare<unknown[], Row>(
        'SELECT * FROM events WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT ?',
      )
      .iterate(topic, partition, offset, limit);
    return take(rows, room).map(eventOf);
  }

  /** Events after the one of sequence number `after`, over all topics or some, in the order in which they came. */
  readAll(after: number, topics: readonly string[], limit: number): { seq: number; event: BusEvent }[] {
    const rows = this.#db
      .prepare<unknown[], Row>(
        `SELECT * FROM events WHERE seq > :after
         AND (:all OR topic IN (SELECT value FROM json_each(:topics))) ORDER BY seq LIMIT :limit`,
      )
      .iterate({ after, all: topics.length === 0 ? 1 : 0, topics: JSON.stringify(topics), limit });
    return take(rows, { characters: MAX_CHARACTERS }).map((row) => ({ seq: row.seq, event: eventOf(row) }));
  }

  /** The sequence number of the newest event, 0 when there never was one. */
  get lastSeq(): number {
    const row = this.#db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'events'").pluck().get();
    return (row as number | undefined) ?? 0;
  }

  /** When the event at `offset`, or the next that is kept, was received; undefined when there is none. */
  receivedAt(topic: string, partition: number, offset: number): number | undefined {
    return this.#db
      .prepare<[string, number, number], number>(
        'SELECT received_at FROM events WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT 1',
      )
      .pluck()
      .get(topic, partition, offset);
  }

  /** Forgets events that are older than their topic's retention, at most `limit` of each topic; returns how many. */
  forget(limit = 1000): number {
    const statement = this.#db.prepare(
      `DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE topic = ? AND received_at < ? ORDER BY received_at LIMIT ?)`,
    );
    const now = this.#now();
    return this.topics.reduce(
      (sum, { name, retentionMs }) => sum + statement.run(name, now - retentionMs, limit).changes,
      0,
    );
  }

  /** Events that are kept; they are forgotten in the order of their offsets, so that no row needs to be counted. */
  count(): number {
    const first = this.#db
      .prepare<[string, number], number | null>('SELECT min(offset) FROM events WHERE topic = ? AND partition = ?')
      .pluck();
    const kept = ({ name, ends }: Topic) =>
      ends.reduce((sum, end, partition) => sum + end - (first.get(name, partition) ?? end), 0);
    return this.topics.reduce((sum, topic) => sum + kept(topic), 0);
  }

  #insertTopic(name: string, partitions: number, retentionMs: number): void {
    if (this.#topics.size >= MAX_TOPICS) throw new Unprocessable(`there are ${MAX_TOPICS} topics already`);
    this.#db.prepare('INSERT INTO topics VALUES (?, ?, ?)').run(name, retentionMs, this.#now());
    const insert = this.#db.prepare('INSERT INTO partitions VALUES (?, ?, 0)');
    for (let partition = 0; partition < partitions; partition++) insert.run(name, partition);
  }

  #appendOne(topic: string, event: EventBody, ends: number[]): Appended {
    const { id, type, key, source, at } = event;
    const data = JSON.stringify(event.data);
    const known = this.#db
      .prepare<[string, string], Row>('SELECT * FROM events WHERE topic = ? AND id = ?')
      .get(topic, id);
    if (known) {
      if (known.type === type && known.key === key && known.data === data) {
        return { id, partition: known.partition, offset: known.offset, duplicate: true };
      }
      throw new Conflict(`topic ${topic} has another event under the id ${id}`);
    }
    const partition = partitionOf(key ?? id, ends.length);
    const offset = ends[partition]!;
    ends[partition] = offset + 1;
    this.#db
      .prepare(
        `INSERT INTO events (topic, partition, offset, id, type, key, source, at, received_at, data)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(topic, partition, offset, id, type, key, source, at, this.#now(), data);
    return { id, partition, offset, duplicate: false };
  }
}

/** The same for ever, for the order of a key's events depends on it. */
function partitionOf(key: string, partitions: number): number {
  return hash('sha1', key, 'buffer').readUInt32BE(0) % partitions;
}

function take(rows: Iterable<Row>, room: { characters: number }): Row[] {
  const taken: Row[] = [];
  for (const row of rows) {
    taken.push(row);
    room.characters -= row.data.length;
    if (room.characters <= 0) break;
  }
  return taken;
}

function eventOf({ topic, partition, offset, id, type, key, data, at, source }: Row): BusEvent {
  return { topic, partition, offset, id, type, key, data: JSON.parse(data), at, source };
}
