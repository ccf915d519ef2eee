import type { Database } from '../kit/index.ts';
import { Accounts, type Refusal } from './ledger.ts';
import { NEWS_TABLE } from './news.ts';
import { isSigned, Transaction, transactionId } from './transaction.ts';

export const MIGRATIONS = [
  `CREATE TABLE mempool (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     received_at INTEGER NOT NULL,
     body TEXT NOT NULL
   )`,
  NEWS_TABLE,
];

export interface Pending {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  readonly transaction: Transaction;
}

/** More than a node can mine in a while; beyond it senders must wait. */
const CAPACITY = 10_000;

/** Transactions that wait for a block, each valid after those before it. Kept in SQLite, so they survive a restart. */
export class Mempool {
  readonly #db: Database;
  readonly #network: string;
  readonly #onAdded: (entry: Pending) => void;
  #pending: Pending[] = [];
  #accounts = new Accounts();

  /** `onAdded` is called within the transaction that keeps what was added. */
  constructor(db: Database, network: string, onAdded: (entry: Pending) => void = () => {}) {
    this.#db = db;
    this.#network = network;
    this.#onAdded = onAdded;
    const rows = db
      .prepare<[], { id: string; received_at: number; body: string }>('SELECT * FROM mempool ORDER BY seq')
      .all();
    this.#pending = rows.map(({ id, received_at, body }) => ({
      id,
      receivedAt: received_at,
      transaction: Transaction.parse(JSON.parse(body)),
    }));
  }

  get pending(): readonly Pending[] {
    return this.#pending;
  }

  /** The accounts as they will be once all that is pending is mined. */
  get accounts(): Accounts {
    return this.#accounts;
  }

  get isFull(): boolean {
    return this.#pending.length >= CAPACITY;
  }

  find(id: string): Pending | undefined {
    return this.#pending.find((entry) => entry.id === id);
  }

  add(transaction: Transaction, receivedAt: number): Pending | Refusal {
    if (!isSigned(transaction, this.#network)) {
      return { kind: 'signature', reason: `the signature is not that of ${transaction.from.slice(0, 12)}…` };
    }
    const refusal = this.#accounts.refuse(transaction);
    if (refusal) return refusal;
    const entry = { id: transactionId(transaction, this.#network), receivedAt, transaction };
    this.#db.transaction(() => {
      this.#insert(entry);
      this.#onAdded(entry);
    })();
    this.#accounts.apply(transaction);
    this.#pending.push(entry);
    return entry;
  }

  /**
   * After the chain changed: keeps what is still valid on top of `confirmed`, drops the rest, and takes back in what blocks
   * that are no longer of the chain had held.
   */
  rebase(confirmed: Accounts, orphaned: readonly Transaction[] = [], now = 0): void {
    const returning = orphaned.map((transaction) => ({
      id: transactionId(transaction, this.#network),
      receivedAt: now,
      transaction,
    }));
    const accounts = new Accounts(confirmed);
    const kept: Pending[] = [];
    for (const entry of [...returning, ...this.#pending]) {
      if (accounts.refuse(entry.transaction)) continue;
      accounts.apply(entry.transaction);
      kept.push(entry);
    }
    this.#accounts = accounts;
    const keptIds = new Set(kept.map(({ id }) => id));
    const dropped = returning.length > 0 ? undefined : this.#pending.filter((entry) => !keptIds.has(entry.id));
    this.#pending = kept;
    this.#db.transaction(() => {
      if (dropped) return this.#delete(dropped);
      this.#db.exec('DELETE FROM mempool');
      for (const entry of kept) this.#insert(entry);
    })();
  }

  #delete(entries: readonly Pending[]): void {
    const statement = this.#db.prepare('DELETE FROM mempool WHERE id = ?');
    for (const { id } of entries) statement.run(id);
  }

  #insert({ id, receivedAt, transaction }: Pending): void {
    this.#db
      .prepare('INSERT INTO mempool (id, received_at, body) VALUES (?, ?, ?)')
      .run(id, receivedAt, JSON.stringify(transaction));
  }
}
