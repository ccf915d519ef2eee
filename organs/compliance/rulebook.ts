import { type Database, NotFound } from '../kit/index.ts';
import { DEFAULTS, type Policy, Rule } from './policy.ts';

export interface Sanction {
  readonly address: string;
  readonly reason: string;
  readonly since: string;
  readonly by: string;
}

/** The policies and the list of sanctions, as they are now. */
export class Rulebook {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
    const insert = db.prepare('INSERT OR IGNORE INTO policies VALUES (?, ?)');
    for (const [id, rule] of Object.entries(DEFAULTS)) insert.run(id, JSON.stringify(rule));
  }

  policies(): Policy[] {
    const rows = this.#db.prepare('SELECT id, rule FROM policies ORDER BY id').all() as { id: string; rule: string }[];
    return rows.map(({ id, rule }) => ({ id, ...Rule.parse(JSON.parse(rule)) }));
  }

  setPolicy(id: string, rule: Rule): void {
    this.#db
      .prepare('INSERT INTO policies VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET rule = excluded.rule')
      .run(id, JSON.stringify(rule));
  }

  sanctions(): Sanction[] {
    return this.#db.prepare('SELECT * FROM sanctions ORDER BY address').all() as Sanction[];
  }

  isSanctioned(address: string): boolean {
    return this.#db.prepare('SELECT 1 FROM sanctions WHERE address = ?').get(address) !== undefined;
  }

  setSanction({ address, reason, since, by }: Sanction): void {
    this.#db
      .prepare('INSERT INTO sanctions VALUES (?, ?, ?, ?) ON CONFLICT (address) DO UPDATE SET reason = excluded.reason')
      .run(address, reason, since, by);
  }

  liftSanction(address: string): void {
    const { changes } = this.#db.prepare('DELETE FROM sanctions WHERE address = ?').run(address);
    if (changes === 0) throw new NotFound(`${address} is not on the list of sanctions`);
  }
}
