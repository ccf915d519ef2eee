import { type Database, NotFound, Unavailable } from '../kit/index.ts';
import type { Vault } from './vault.ts';

export interface SecretInfo {
  readonly name: string;
  /** Roles that may read it, beside administrators. */
  readonly readers: readonly string[];
  readonly version: number;
  readonly updatedAt: string;
  readonly updatedBy: string;
}

interface Row {
  name: string;
  sealed: string;
  readers: string;
  version: number;
  updated_at: string;
  updated_by: string;
}

/** Named secrets, sealed in the database; each opens only under its own name. */
export class Secrets {
  readonly #db: Database;
  readonly #vault: Vault;
  readonly #now: () => number;

  constructor(db: Database, vault: Vault, now: () => number) {
    this.#db = db;
    this.#vault = vault;
    this.#now = now;
  }

  list(): SecretInfo[] {
    return (this.#db.prepare('SELECT * FROM secrets ORDER BY name').all() as Row[]).map(infoOf);
  }

  info(name: string): SecretInfo {
    return infoOf(this.#row(name));
  }

  /** Throws Unavailable when it cannot be unsealed. */
  read(name: string): string {
    const value = this.#vault.unseal(`secret ${name}`, this.#row(name).sealed);
    if (value === null) throw new Unavailable(`the secret ${name} cannot be opened with ${this.#vault.path}`);
    return value;
  }

  write(name: string, value: string, readers: readonly string[], by: string): SecretInfo {
    this.#db
      .prepare(
        `INSERT INTO secrets VALUES (:name, :sealed, :readers, 1, :at, :by)
         ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, readers = excluded.readers, version = version + 1,
           updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
      )
      .run({
        name,
        sealed: this.#vault.seal(`secret ${name}`, value),
        readers: JSON.stringify(readers),
        at: new Date(this.#now()).toISOString(),
        by,
      });
    return this.info(name);
  }

  remove(name: string): void {
    this.#row(name);
    this.#db.prepare('DELETE FROM secrets WHERE name = ?').run(name);
  }

  count(): number {
    return this.#db.prepare('SELECT count(*) FROM secrets').pluck().get() as number;
  }

  #row(name: string): Row {
    const row = this.#db.prepare('SELECT * FROM secrets WHERE name = ?').get(name) as Row | undefined;
    if (!row) throw new NotFound(`there is no secret ${name}`);
    return row;
  }
}

function infoOf(row: Row): SecretInfo {
  return {
    name: row.name,
    readers: JSON.parse(row.readers),
    version: row.version,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  };
}
