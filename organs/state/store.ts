import { Conflict, type Database, OrganError, Unprocessable } from '../kit/index.ts';
import { PROBE_TABLE } from '../kit/storage.ts';

export const migrations: readonly string[] = [
  `CREATE TABLE keys (
     key TEXT PRIMARY KEY, type TEXT NOT NULL CHECK (type IN ('string', 'hash')), value TEXT, expires_at INTEGER
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX keys_by_expiry ON keys (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE fields (
     key TEXT NOT NULL REFERENCES keys ON DELETE CASCADE, field TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (key, field)
   ) STRICT, WITHOUT ROWID;
   ${PROBE_TABLE}`,
];

interface Row {
  readonly type: 'string' | 'hash';
  readonly value: string | null;
  readonly expires_at: number | null;
}

export interface Entry {
  readonly type: 'string' | 'hash';
  /** null for a hash. */
  readonly value: string | null;
  /** null: never. */
  readonly expiresInMs: number | null;
}

/** Keys, counters and hashes that may expire, as Redis has them. Every method is one transaction. */
export class Store {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  find(key: string): Entry | undefined {
    const row = this.#row(key);
    return row && { type: row.type, value: row.value, expiresInMs: this.#left(row) };
  }

  /** The string under a key. Throws Conflict when it holds a hash. */
  get(key: string): Entry | undefined {
    const entry = this.find(key);
    if (entry) must('string', entry.type, key);
    return entry;
  }

  set(key: string, value: string, ttlMs: number | undefined): void {
    this.#write(() => this.#put(key, 'string', value, this.#at(ttlMs)));
  }

  /** False when the value is not `expected` (null: absent). */
  compareAndSet(key: string, expected: string | null, value: string, ttlMs: number | undefined): boolean {
    return this.#write(() => {
      if ((this.get(key)?.value ?? null) !== expected) return false;
      this.#put(key, 'string', value, this.#at(ttlMs));
      return true;
    });
  }

  delete(key: string): boolean {
    return this.#write(() => this.#row(key) !== undefined && this.#drop(key));
  }

  compareAndDelete(key: string, expected: string): boolean {
    return this.#write(() => this.get(key)?.value === expected && this.#drop(key));
  }

  /** The counter's new value; a new one begins at 0 and expires in `ttlMs`. */
  increment(key: string, by: number, ttlMs: number | undefined): number {
    return this.#write(() => {
      const row = this.#row(key);
      if (row) must('string', row.type, key);
      const value = sum(row?.value ?? '0', by, key);
      this.#put(key, 'string', String(value), row ? row.expires_at : this.#at(ttlMs));
      return value;
    });
  }

  expire(key: string, ttlMs: number | null): boolean {
    return this.#write(() => {
      if (!this.#row(key)) return false;
      this.#db.prepare('UPDATE keys SET expires_at = ? WHERE key = ?').run(this.#at(ttlMs ?? undefined), key);
      return true;
    });
  }

  /** Keys that begin with `prefix` and come after `after`, in order. */
  keys(prefix: string, after: string, limit: number): string[] {
    return this.#db
      .prepare<unknown[], string>(
        `SELECT key FROM keys WHERE key > :after AND key >= :prefix AND substr(key, 1, length(:prefix)) = :prefix
           AND (expires_at IS NULL OR expires_at > :now) ORDER BY key LIMIT :limit`,
      )
      .pluck()
      .all({ prefix, after, limit, now: this.#now() });
  }

  hash(key: string): Record<string, string> | undefined {
    const row = this.#row(key);
    if (!row) return undefined;
    must('hash', row.type, key);
    const fields = this.#db.prepare<[string], { field: string; value: string }>(
      'SELECT field, value FROM fields WHERE key = ? ORDER BY field',
    );
    return Object.fromEntries(fields.all(key).map(({ field, value }) => [field, value]));
  }

  field(key: string, field: string): string | undefined {
    const row = this.#row(key);
    if (row) must('hash', row.type, key);
    return row && this.#field(key, field);
  }

  setFields(key: string, fields: Readonly<Record<string, string>>): void {
    this.#write(() => {
      this.#openHash(key);
      for (const [field, value] of Object.entries(fields)) this.#setField(key, field, value);
    });
  }

  deleteField(key: string, field: string): boolean {
    return this.#write(() => {
      if (this.field(key, field) === undefined) return false;
      this.#db.prepare('DELETE FROM fields WHERE key = ? AND field = ?').run(key, field);
      if (!this.#db.prepare('SELECT 1 FROM fields WHERE key = ?').get(key)) this.#drop(key);
      return true;
    });
  }

  incrementField(key: string, field: string, by: number): number {
    return this.#write(() => {
      this.#openHash(key);
      const value = sum(this.#field(key, field) ?? '0', by, `${key} ${field}`);
      this.#setField(key, field, String(value));
      return value;
    });
  }

  /** Removes what has expired, a bounded number at a time; returns how many. */
  sweep(limit = 1000): number {
    return this.#db
      .prepare('DELETE FROM keys WHERE key IN (SELECT key FROM keys WHERE expires_at <= ? LIMIT ?)')
      .run(this.#now(), limit).changes;
  }

  /** Keys, those that have expired but are not yet swept included. */
  count(): number {
    return this.#db.prepare('SELECT count(*) FROM keys').pluck().get() as number;
  }

  #write<T>(work: () => T): T {
    return this.#db.transaction(work).immediate();
  }

  #row(key: string): Row | undefined {
    const row = this.#db.prepare<[string], Row>('SELECT type, value, expires_at FROM keys WHERE key = ?').get(key);
    return row && (row.expires_at === null || row.expires_at > this.#now()) ? row : undefined;
  }

  #put(key: string, type: Row['type'], value: string | null, expiresAt: number | null): void {
    this.#db.prepare('DELETE FROM fields WHERE key = ?').run(key);
    this.#db
      .prepare(
        `INSERT INTO keys VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
         SET type = excluded.type, value = excluded.value, expires_at = excluded.expires_at`,
      )
      .run(key, type, value, expiresAt);
  }

  #drop(key: string): boolean {
    return this.#db.prepare('DELETE FROM keys WHERE key = ?').run(key).changes > 0;
  }

  #openHash(key: string): void {
    const row = this.#row(key);
    if (row) must('hash', row.type, key);
    else this.#put(key, 'hash', null, null);
  }

  #field(key: string, field: string): string | undefined {
    return this.#db
      .prepare<[string, string], string>('SELECT value FROM fields WHERE key = ? AND field = ?')
      .pluck()
      .get(key, field);
  }

  #setField(key: string, field: string, value: string): void {
    this.#db
      .prepare('INSERT INTO fields VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value')
      .run(key, field, value);
  }

  #at(ttlMs: number | undefined): number | null {
    return ttlMs === undefined ? null : this.#now() + ttlMs;
  }

  #left({ expires_at }: Row): number | null {
    return expires_at === null ? null : expires_at - this.#now();
  }
}

/** Refuses `compareAndSet` and the like over HTTP. */
export class PreconditionFailed extends OrganError {
  constructor(key: string) {
    super(412, 'precondition_failed', `${key} does not hold the expected value`);
  }
}

function must(wanted: Row['type'], type: Row['type'], key: string): void {
  if (type !== wanted) throw new Conflict(`${key} holds a ${type}, not a ${wanted}`);
}

function sum(text: string, by: number, what: string): number {
  if (!/^-?(0|[1-9]\d*)$/.test(text)) throw new Unprocessable(`${what} is not an integer`);
  const value = Number(text) + by;
  if (Number.isSafeInteger(value) && Number.isSafeInteger(Number(text))) return value;
  throw new Unprocessable(`${what}: the increment would overflow`);
}
