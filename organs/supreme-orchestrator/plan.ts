import type { Database } from '../kit/index.ts';
import type { OrganSeen, Planned } from './inventory.ts';

export const migrations: readonly string[] = [
  `CREATE TABLE declared (name TEXT PRIMARY KEY, category TEXT NOT NULL, declared_at TEXT NOT NULL) STRICT;
   CREATE TABLE seen (
     name TEXT PRIMARY KEY, category TEXT NOT NULL, first_seen_at TEXT NOT NULL, last_seen_at TEXT NOT NULL
   ) STRICT;`,
];

/** An organ of the registry's history. */
export interface Seen {
  readonly name: string;
  readonly category: string;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
}

/**
 * The plan of record: which organs are expected. Until one is declared, every organ that was ever registered is expected;
 * once declared, the declaration alone counts, and the history goes on being kept beside it. Times are ISO texts.
 */
export class PlanOfRecord {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** In alphabetical order. */
  entries(): Planned[] {
    const declared = this.#db.prepare('SELECT name, category FROM declared ORDER BY name').all() as Omit<
      Planned,
      'source'
    >[];
    if (declared.length > 0) return declared.map((entry) => ({ ...entry, source: 'declared' }));
    return this.history().map(({ name, category }) => ({ name, category, source: 'learnt' }));
  }

  history(): Seen[] {
    return this.#db
      .prepare(
        `SELECT name, category, first_seen_at AS firstSeenAt, last_seen_at AS lastSeenAt FROM seen ORDER BY name`,
      )
      .all() as Seen[];
  }

  /** Puts a declaration in the place of any before it. */
  declare(organs: readonly Pick<Planned, 'name' | 'category'>[], at: string): void {
    const insert = this.#db.prepare('INSERT INTO declared VALUES (?, ?, ?)');
    this.#db
      .transaction(() => {
        this.#db.prepare('DELETE FROM declared').run();
        for (const { name, category } of organs) insert.run(name, category, at);
      })
      .immediate();
  }

  /** Withdraws the declaration: what was seen is expected again. */
  undeclare(): void {
    this.#db.prepare('DELETE FROM declared').run();
  }

  /** Forgets an organ of the history, which is no longer expected then; false when it was never seen. */
  forget(name: string): boolean {
    return this.#db.prepare('DELETE FROM seen WHERE name = ?').run(name).changes > 0;
  }

  learn(organs: readonly OrganSeen[], at: string): void {
    const upsert = this.#db.prepare(
      `INSERT INTO seen VALUES (:name, :category, :at, :at)
       ON CONFLICT (name) DO UPDATE SET category = excluded.category, last_seen_at = excluded.last_seen_at`,
    );
    this.#db
      .transaction(() => {
        for (const { name, category } of organs) upsert.run({ name, category, at });
      })
      .immediate();
  }
}
