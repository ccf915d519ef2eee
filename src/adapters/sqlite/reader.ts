import { readFileSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { OrganRecord } from '../../core/config/changes.ts';
import type { SystemEvent } from '../../core/events.ts';
import type { Exit, Health, InstanceState, InstanceStatus } from '../../core/status.ts';
import { queryEvents } from './history.ts';
import { SCHEMA_VERSION } from './migrations.ts';
import type { BootRow, EventFilter } from './rows.ts';
import { readDurable } from './salvage.ts';
import { describe, troubleOf } from './trouble.ts';

/** How long a command waits for another's lock; it has nothing else to do. */
const BUSY_MS = 2000;

export type Reading =
  | { readonly kind: 'open'; readonly reader: Reader }
  | { readonly kind: 'none' | 'unreadable'; readonly why: string };

/**
 * Opens the record for reading, beside a running supervisor or without one. `none`: there is no database yet; `unreadable`:
 * there is one, and `why` says what is wrong with it. It is never changed.
 */
export function openReadOnly(folder: { readonly database: string }): Reading {
  const path = folder.database;
  if (!statSync(path, { throwIfNoEntry: false })?.size) return { kind: 'none', why: `there is no database at ${path}` };
  try {
    const db = connect(path);
    if ((db.pragma('user_version', { simple: true }) as number) <= SCHEMA_VERSION)
      return { kind: 'open', reader: new Reader(db) };
    const writer = readDurable(db).writtenBy;
    db.close();
    const why = `the database ${path} was written by ${writer ? `azora ${writer}` : 'a newer azora'}; read it with that`;
    return { kind: 'unreadable', why };
  } catch (error) {
    if (troubleOf(error) === 'bug' && !(error instanceof Database.SqliteError)) throw error;
    return { kind: 'unreadable', why: `the database ${path} cannot be read: ${describe(error)}` };
  }
}

function connect(path: string): Database.Database {
  const open = (source: string | Buffer) => {
    const db = new Database(source, { readonly: true, timeout: BUSY_MS });
    try {
      // Opening alone reads nothing.
      db.prepare('select count(*) from boot').get();
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  };
  try {
    return open(path);
  } catch (error) {
    // In a folder that cannot be written SQLite cannot share a log; without a log it does not have to.
    const hasLog = Boolean(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size);
    if (troubleOf(error) !== 'read-only' || hasLog) throw error;
    return open(withoutLog(readFileSync(path)));
  }
}

/** The image of a database that no log belongs to: bytes 18 and 19 say how it is written and read, 2 = with a log, 1 = without. */
function withoutLog(image: Buffer): Buffer {
  image[18] = 1;
  image[19] = 1;
  return image;
}

interface InstanceRow {
  readonly organ: string;
  readonly instance: string;
  readonly replica: number;
  readonly category: string | null;
  readonly kind: 'service' | 'task' | null;
  readonly critical: number | null;
  readonly desired: 'up' | 'down' | null;
  readonly state: InstanceState;
  readonly health: Health;
  readonly reason: string | null;
  readonly pid: number | null;
  readonly started_at: string | null;
  readonly restarts: number;
  readonly errors: number;
  readonly exit_code: number | null;
  readonly exit_signal: string | null;
  readonly exit_at: string | null;
  readonly ports: string;
  readonly url: string | null;
  readonly checked_at: string | null;
  readonly latency_ms: number | null;
}

/** What was known last. Whether it is still so, only a running supervisor can say. */
export class Reader {
  readonly #db: Database.Database;

  constructor(db: Database.Database) {
    this.#db = db;
  }

  lastBoot(): BootRow | null {
    const row = this.#db
      .prepare<[], Record<string, string | null>>('select * from boot order by started_at desc, rowid desc limit 1')
      .get();
    if (!row) return null;
    const { boot_id, config_hash, started_at, ended_at, ...rest } = row;
    return { ...rest, bootId: boot_id, configHash: config_hash, startedAt: started_at, endedAt: ended_at } as BootRow;
  }

  /** As they were recorded last, in the order of the file: `state` and `pid` are of that moment. */
  instances(): InstanceStatus[] {
    const rows = this.#db
      .prepare<[], InstanceRow>(
        `select i.*, o.category, o.kind, o.critical, v.desired, h.checked_at, h.latency_ms
         from instance i
         left join organ o on o.organ = i.organ
         left join organs v on v.organ = i.organ
         left join health_latest h on h.instance = i.instance
         order by o.position, i.replica`,
      )
      .all();
    return rows.map(toStatus);
  }

  /** Oldest first. */
  events(filter: EventFilter = {}): SystemEvent[] {
    return queryEvents(this.#db, filter);
  }

  /** The number of the latest event; 0 before the first. */
  lastEventId(): number {
    return this.#db.prepare<[], { last: number | null }>('select max(id) as last from event').get()?.last ?? 0;
  }

  /** The organs as they were declared in the last boot: name → the resolved configuration as it was recorded. */
  organs(): ReadonlyMap<string, OrganRecord> {
    const rows = this.#db
      .prepare<[], { organ: string; config: string }>('select organ, config from organ order by position')
      .all();
    return new Map(rows.map(({ organ, config }) => [organ, JSON.parse(config) as OrganRecord]));
  }

  /** Any statement that only reads; throws what SQLite says of it, as a RangeError when it would write. */
  query(sql: string): { readonly columns: readonly string[]; readonly rows: Iterable<readonly unknown[]> } {
    const statement = this.#db.prepare(sql);
    if (!statement.reader || !statement.readonly) throw new RangeError('only a query that reads can be asked');
    return {
      columns: statement.columns().map(({ name }) => name),
      rows: statement.raw().iterate() as Iterable<unknown[]>,
    };
  }

  close(): void {
    this.#db.close();
  }
}

function toStatus(row: InstanceRow): InstanceStatus {
  const exit: Exit | null = row.exit_at ? { code: row.exit_code, signal: row.exit_signal, at: row.exit_at } : null;
  return {
    organ: row.organ,
    instance: row.instance,
    replica: row.replica,
    category: row.category,
    kind: row.kind ?? 'service',
    critical: row.critical === 1,
    desired: row.desired ?? 'up',
    state: row.state,
    health: row.health,
    reason: row.reason,
    pid: row.pid,
    startedAt: row.started_at,
    uptimeMs: null,
    restarts: row.restarts,
    errors: row.errors,
    exit,
    ports: JSON.parse(row.ports) as Record<string, number>,
    url: row.url,
    cpuPercent: null,
    rssBytes: null,
    lastCheckAt: row.checked_at,
    latencyMs: row.latency_ms,
    metrics: {},
  };
}
