import { randomUUID } from 'node:crypto';
import type { Database } from './database.ts';
import { BadGateway, BadRequest, messageOf } from './errors.ts';
import type { EventBus } from './events.ts';
import { log } from './server.ts';

export interface OutboxOptions {
  /** Usually the organ's name. */
  readonly topic: string;
  /** Without one, nothing is kept: the organ runs where nobody listens. */
  readonly bus?: EventBus | undefined;
  /** How long it rests after the bus could not be reached, doubling up to 16 times that; default 500 ms. */
  readonly restMs?: number;
}

interface Row {
  seq: number;
  id: string;
  type: string;
  key: string | null;
  data: string;
  at: number;
}

const BATCH = 200;
/** While the bus is away the newest so many are kept. */
const MOST_KEPT = 20_000;

/**
 * The events that an organ has to tell, kept in its own database until the bus has them: an event added within a transaction
 * is told if and only if that is committed, and the request that caused it never waits for the bus. At least once, in order.
 */
export class Outbox {
  readonly #db: Database;
  readonly #bus: EventBus | undefined;
  readonly #topic: string;
  readonly #restMs: number;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(db: Database, { topic, bus, restMs = 500 }: OutboxOptions) {
    this.#db = db;
    this.#bus = bus;
    this.#topic = topic;
    this.#restMs = restMs;
    db.exec(
      `CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, type TEXT NOT NULL, key TEXT,
         data TEXT NOT NULL, at INTEGER NOT NULL) STRICT`,
    );
    if (this.waiting > 0) this.#schedule(0);
  }

  /** Within the transaction of what it tells. Events with the same `key` stay in order. `at` in epoch ms. */
  add(type: string, data: object, { key, at = Date.now() }: { key?: string; at?: number } = {}): void {
    if (!this.#db.inTransaction) throw new Error(`${type} is told outside of the transaction that makes it true`);
    if (!this.#bus) return;
    const { lastInsertRowid } = this.#db
      .prepare('INSERT INTO outbox (id, type, key, data, at) VALUES (?, ?, ?, ?, ?)')
      .run(randomUUID(), type, key ?? null, JSON.stringify(data), at);
    const { changes } = this.#db.prepare('DELETE FROM outbox WHERE seq <= ?').run(Number(lastInsertRowid) - MOST_KEPT);
    if (changes > 0) log(`the bus has been away too long: ${changes} of the oldest events are given up`);
    if (this.#failures === 0) this.#schedule(0);
  }

  /** Events that the bus does not have yet. */
  get waiting(): number {
    return this.#db.prepare('SELECT count(*) FROM outbox').pluck().get() as number;
  }

  /** Ends the connection to the bus too. What is left is told by the next life. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#bus?.close();
    await this.#running;
  }

  #schedule(ms: number): void {
    if (this.#timer || this.#running || this.#isClosed || !this.#bus) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#tellAll().finally(() => {
        this.#running = undefined;
        if (!this.#isClosed && this.waiting > 0) this.#schedule(this.#rest());
      });
    }, ms);
    this.#timer.unref();
  }

  #rest(): number {
    return this.#failures === 0 ? 0 : this.#restMs * 2 ** Math.min(4, this.#failures - 1);
  }

  async #tellAll(): Promise<void> {
    try {
      while (!this.#isClosed) {
        const rows = this.#db.prepare('SELECT * FROM outbox ORDER BY seq LIMIT ?').all(BATCH) as Row[];
        if (rows.length === 0) break;
        await this.#tell(rows);
        this.#db.prepare('DELETE FROM outbox WHERE seq <= ?').run(rows.at(-1)?.seq ?? 0);
        if (this.#failures > 0) log('the event bus is back');
        this.#failures = 0;
      }
    } catch (error) {
      if (this.#isClosed) return;
      if (this.#failures === 0) log(`events wait in the outbox: ${messageOf(error)}`);
      this.#failures += 1;
    }
  }
  /** One that the bus refuses for good would hold up all after it: it is found, said aloud and given up. */
  async #tell(rows: readonly Row[]): Promise<void> {
    try {
      await this.#bus?.publish(this.#topic, rows.map(eventOf), { deadlineMs: 2000 });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (rows.length > 1) for (const row of rows) await this.#tell([row]);
      else log(`the event bus refuses ${rows[0]?.type} ${rows[0]?.id}, which is given up: ${messageOf(error)}`);
    }
  }
}

function eventOf({ id, type, key, data, at }: Row) {
  return { id, type, at, data: JSON.parse(data) as unknown, ...(key === null ? {} : { key }) };
}

/** Not that it cannot be told now, but never. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof BadRequest || (error instanceof BadGateway && [400, 409, 413, 422].includes(error.upstreamStatus))
  );
}
