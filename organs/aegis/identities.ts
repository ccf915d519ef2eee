import { randomUUID } from 'node:crypto';
import { Conflict, type Database, NotFound } from '../kit/index.ts';

export const ADMIN = 'admin';

export interface Identity {
  readonly id: string;
  readonly username: string;
  readonly roles: readonly string[];
  readonly createdAt: string;
}

interface Row {
  id: string;
  username: string;
  password_hash: string;
  roles: string;
  tokens_valid_from: number;
  created_at: string;
}

export const migrations: readonly string[] = [
  `CREATE TABLE identities (
     id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL, roles TEXT NOT NULL,
     tokens_valid_from INTEGER NOT NULL, created_at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE secrets (
     name TEXT PRIMARY KEY, sealed TEXT NOT NULL, readers TEXT NOT NULL, version INTEGER NOT NULL,
     updated_at TEXT NOT NULL, updated_by TEXT NOT NULL
   ) STRICT;`,
];

/** Who is known, by user name (lower case), with their roles. */
export class Identities {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  add(username: string, passwordHash: string, roles: readonly string[]): Identity {
    const identity = { id: randomUUID(), username, roles, createdAt: new Date(this.#now()).toISOString() };
    const { changes } = this.#db
      .prepare('INSERT INTO identities VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT (username) DO NOTHING')
      .run(identity.id, username, passwordHash, JSON.stringify(roles), identity.createdAt);
    if (changes === 0) throw new Conflict(`the user name ${username} is taken`);
    return identity;
  }

  all(): Identity[] {
    return (this.#db.prepare('SELECT * FROM identities ORDER BY username').all() as Row[]).map(identityOf);
  }

  find(username: string): Identity | null {
    const row = this.#row(username);
    return row ? identityOf(row) : null;
  }

  /** The identity that a token speaks for, unless it is gone or its tokens were withdrawn since `issuedAt` (epoch ms). */
  behind(id: string, issuedAt: number): Identity | null {
    const row = this.#db.prepare('SELECT * FROM identities WHERE id = ?').get(id) as Row | undefined;
    return row && issuedAt >= row.tokens_valid_from ? identityOf(row) : null;
  }

  passwordHash(username: string): string | null {
    return this.#row(username)?.password_hash ?? null;
  }

  /** Sets a new password and withdraws every token issued before this second. */
  setPassword(username: string, passwordHash: string): void {
    const validFrom = Math.floor(this.#now() / 1000) * 1000;
    this.#db
      .prepare('UPDATE identities SET password_hash = ?, tokens_valid_from = ? WHERE username = ?')
      .run(passwordHash, validFrom, username);
  }

  /** Throws Conflict rather than leaving the system without an administrator. */
  setRoles(username: string, roles: readonly string[]): Identity {
    const before = this.find(username);
    if (!before) throw new NotFound(`there is no identity ${username}`);
    if (before.roles.includes(ADMIN) && !roles.includes(ADMIN) && this.admins() === 1) {
      throw new Conflict(`${username} is the last administrator`);
    }
    this.#db.prepare('UPDATE identities SET roles = ? WHERE username = ?').run(JSON.stringify(roles), username);
    return { ...before, roles };
  }

  admins(): number {
    return this.all().filter(({ roles }) => roles.includes(ADMIN)).length;
  }

  count(): number {
    return this.#db.prepare('SELECT count(*) FROM identities').pluck().get() as number;
  }

  #row(username: string): Row | undefined {
    return this.#db.prepare('SELECT * FROM identities WHERE username = ?').get(username) as Row | undefined;
  }
}

function identityOf({ id, username, roles, created_at }: Row): Identity {
  return { id, username, roles: JSON.parse(roles), createdAt: created_at };
}
