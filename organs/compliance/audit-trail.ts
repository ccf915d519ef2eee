import { hash } from 'node:crypto';
import type { Database } from '../kit/index.ts';

export type EntryKind = 'event' | 'check' | 'violation' | 'policy' | 'sanction' | 'retention';

/** An entry without what it tells: enough for anybody to compute the chain anew. */
export interface Link {
  /** From 1, without gaps. */
  readonly seq: number;
  /** Epoch ms. */
  readonly at: number;
  readonly kind: EntryKind;
  /** SHA-256 of the entry's data. */
  readonly dataHash: string;
  readonly previousHash: string;
  readonly hash: string;
}

export interface Entry extends Link {
  /** null once its time was over: the hash stays, so the chain does not break. */
  readonly data: unknown;
}

export interface Head {
  readonly seq: number;
  readonly hash: string;
}

export type Verdict =
  | { readonly valid: true; readonly entries: number; readonly head: Head }
  | { readonly valid: false; readonly entries: number; readonly at: number; readonly reason: string };

interface Row {
  seq: number;
  at: number;
  kind: EntryKind;
  data: string | null;
  data_hash: string;
  previous_hash: string;
  hash: string;
}

/** What stands before the first entry. */
export const GENESIS: Head = { seq: 0, hash: '0'.repeat(64) };
/** Entries verified at a stretch, before others get their turn. */
const STRETCH = 2000;

/** The hash of an entry: over where it stands, what it holds, and the entry before it. */
export function hashOf({ seq, at, kind, dataHash, previousHash }: Omit<Link, 'hash'>): string {
  return hash('sha256', JSON.stringify(['azora-audit-1', seq, at, kind, dataHash, previousHash]));
}

/** Entries, each of which hashes the one before: to change one, every later one must be changed too. */
export class AuditTrail {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /**
   * `source` tells the entry from every other: what comes a second time under it is left aside, and the answer is null.
   * To be called within a transaction.
   */
  append(kind: EntryKind, source: string, data: unknown): Link | null {
    const known = this.#db.prepare('SELECT 1 FROM audit WHERE source = ?').get(source);
    if (known) return null;
    const head = this.head();
    const text = JSON.stringify(data);
    const open = {
      ...{ seq: head.seq + 1, at: this.#now(), kind },
      ...{ dataHash: hash('sha256', text), previousHash: head.hash },
    };
    const link = { ...open, hash: hashOf(open) };
    this.#db
      .prepare('INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .run(link.seq, link.at, kind, source, text, link.dataHash, link.previousHash, link.hash);
    return link;
  }

  head(): Head {
    const head = this.#db.prepare('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1').get() as Head | undefined;
    return head ?? GENESIS;
  }

  has(source: string): boolean {
    return this.#db.prepare('SELECT 1 FROM audit WHERE source = ?').get(source) !== undefined;
  }

  /** Entries in order, beginning with `from`. */
  entries(from: number, limit: number): Entry[] {
    const rows = this.#db.prepare('SELECT * FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?').all(from, limit);
    return (rows as Row[]).map((row) => ({ ...linkOf(row), data: row.data === null ? null : JSON.parse(row.data) }));
  }

  links(from: number, limit: number): Link[] {
    const rows = this.#db.prepare('SELECT * FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?').all(from, limit);
    return (rows as Row[]).map(linkOf);
  }

  /** The newest of a kind, newest first. */
  latest(kind: EntryKind, limit: number): Entry[] {
    const rows = this.#db.prepare('SELECT * FROM audit WHERE kind = ? ORDER BY seq DESC LIMIT ?').all(kind, limit);
    return (rows as Row[]).map((row) => ({ ...linkOf(row), data: row.data === null ? null : JSON.parse(row.data) }));
  }

  /**
   * Computes the chain anew, all of it or what follows `since`. `anchor`, a head from before that is kept elsewhere, must be part
   * of it.
   */
  async verify(anchor: Head | null = null, since: Head = GENESIS): Promise<Verdict> {
    let head = since;
    const broken = (at: number, reason: string): Verdict => ({ valid: false, entries: head.seq, at, reason });
    for (;;) {
      const rows = this.#db.prepare('SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?').all(head.seq, STRETCH);
      for (const row of rows as Row[]) {
        const link = linkOf(row);
        if (link.seq !== head.seq + 1) return broken(head.seq + 1, `entry ${head.seq + 1} is missing`);
        if (link.previousHash !== head.hash)
          return broken(link.seq, `entry ${link.seq} does not follow the one before`);
        if (row.data !== null && hash('sha256', row.data) !== link.dataHash) {
          return broken(link.seq, `the data of entry ${link.seq} was changed`);
        }
        if (hashOf(link) !== link.hash) return broken(link.seq, `entry ${link.seq} was changed`);
        if (link.seq === anchor?.seq && link.hash !== anchor.hash) {
          return broken(link.seq, `entry ${link.seq} is not the one that was anchored: the trail was written anew`);
        }
        head = { seq: link.seq, hash: link.hash };
      }
      if (rows.length < STRETCH) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (anchor && anchor.seq > head.seq)
      return broken(head.seq, `entries ${head.seq + 1} to ${anchor.seq} were cut off`);
    return { valid: true, entries: head.seq, head };
  }

  /** Erases the data of entries of a kind from before `before` (epoch ms); tells how many. */
  erase(kind: EntryKind, before: number): number {
    return this.#db
      .prepare('UPDATE audit SET data = NULL WHERE kind = ? AND at < ? AND data IS NOT NULL')
      .run(kind, before).changes;
  }

  /** Changes when somebody else has written to the file. */
  get foreignVersion(): number {
    return this.#db.pragma('data_version', { simple: true }) as number;
  }
}

function linkOf({ seq, at, kind, data_hash, previous_hash, hash }: Row): Link {
  return { seq, at, kind, dataHash: data_hash, previousHash: previous_hash, hash };
}
