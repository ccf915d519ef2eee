import { Conflict, type Database } from '../kit/index.ts';
import type { ProfileChange } from './requests.ts';

export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE accounts (
     id TEXT PRIMARY KEY, username TEXT NOT NULL, display_name TEXT NOT NULL, email TEXT UNIQUE COLLATE NOCASE, locale TEXT NOT NULL,
     about TEXT NOT NULL, is_public INTEGER NOT NULL, preferences TEXT NOT NULL, created_at TEXT NOT NULL, changed_at TEXT NOT NULL
   ) STRICT;`,
];

export interface Account {
  /** The identity's id at aegis. */
  readonly id: string;
  readonly username: string;
  readonly displayName: string;
  readonly email: string | null;
  /** BCP 47. */
  readonly locale: string;
  readonly about: string;
  /** Whether other users may see name and about. */
  readonly isPublic: boolean;
  readonly preferences: Readonly<Record<string, string>>;
  readonly createdAt: string;
  readonly changedAt: string;
}

interface Row {
  id: string;
  username: string;
  display_name: string;
  email: string | null;
  locale: string;
  about: string;
  is_public: number;
  preferences: string;
  created_at: string;
  changed_at: string;
}

/** What is known of users beyond who they are, which is aegis' affair. */
export class Accounts {
  readonly #db: Database;
  readonly #now: () => Date;

  constructor(db: Database, now: () => Date) {
    this.#db = db;
    this.#now = now;
  }

  find(id: string): Account | null {
    const row = this.#db.prepare('SELECT * FROM accounts WHERE id = ?').get(id) as Row | undefined;
    return row ? accountOf(row) : null;
  }

  /** The account of an identity, opened when it is its first visit. */
  open(id: string, username: string): { account: Account; isNew: boolean } {
    const at = this.#now().toISOString();
    const { changes } = this.#db
      .prepare(`INSERT INTO accounts VALUES (?, ?, ?, NULL, 'en', '', 0, '{}', ?, ?) ON CONFLICT (id) DO NOTHING`)
      .run(id, username, username, at, at);
    return { account: this.find(id) as Account, isNew: changes > 0 };
  }

  /** Sets what is given, leaves the rest. Throws Conflict when another account has the e-mail address. */
  change(account: Account, change: ProfileChange): Account {
    const next = { ...account, ...change };
    const other = this.#db.prepare('SELECT 1 FROM accounts WHERE email = ? AND id <> ?').get(next.email, account.id);
    if (other) throw new Conflict('another account has this e-mail address');
    this.#db
      .prepare(
        `UPDATE accounts SET display_name = ?, email = ?, locale = ?, about = ?, is_public = ?, preferences = ?, changed_at = ?
         WHERE id = ?`,
      )
      .run(
        ...[next.displayName, next.email, next.locale, next.about, Number(next.isPublic)],
        ...[JSON.stringify(next.preferences), this.#now().toISOString(), account.id],
      );
    return this.find(account.id) as Account;
  }

  /** False when there was none. */
  delete(id: string): boolean {
    return this.#db.prepare('DELETE FROM accounts WHERE id = ?').run(id).changes > 0;
  }

  list(limit: number, offset: number): Account[] {
    const rows = this.#db.prepare('SELECT * FROM accounts ORDER BY created_at, id LIMIT ? OFFSET ?').all(limit, offset);
    return (rows as Row[]).map(accountOf);
  }

  count(): number {
    return this.#db.prepare('SELECT count(*) FROM accounts').pluck().get() as number;
  }
}

function accountOf({ display_name, is_public, preferences, created_at, changed_at, ...row }: Row): Account {
  return {
    ...row,
    displayName: display_name,
    isPublic: is_public === 1,
    preferences: JSON.parse(preferences),
    createdAt: created_at,
    changedAt: changed_at,
  };
}
