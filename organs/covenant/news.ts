import { type Database, type EventBus, Outbox } from '../kit/index.ts';
import type { Block } from './block.ts';
import type { Ledger } from './ledger.ts';
import type { Pending } from './mempool.ts';

/** How far the chain was told of. */
export const NEWS_TABLE = `CREATE TABLE told (one INTEGER PRIMARY KEY CHECK (one = 1), height INTEGER NOT NULL, hash TEXT NOT NULL) STRICT`;

interface Told {
  readonly height: number;
  readonly hash: string;
}

/** The key of all its events: what happens to one chain happens in order. */
const key = 'chain';

/**
 * What covenant tells the event bus. A block is in the chain's file before it can be in the outbox, so how far it was told is
 * kept with the outbox: what a kill between the two left untold is told by the next life.
 */
export class News {
  readonly #db: Database;
  readonly #outbox: Outbox;

  constructor(db: Database, bus: EventBus | undefined) {
    this.#db = db;
    this.#outbox = new Outbox(db, { topic: 'covenant', bus });
  }

  /** To be called within the transaction that keeps it. */
  accepted({ id, transaction: { from, to, amount } }: Pending): void {
    this.#outbox.add('transaction-accepted', { id, from, to, amount }, { key });
  }

  /** Tells of each block that was not told of yet. A chain that is older than the news begins untold. */
  follow({ blocks, tip }: Ledger): void {
    this.#db.transaction(() => {
      const told = this.#told ?? tip;
      if (told.height <= tip.height && blocks[told.height]?.hash !== told.hash) return this.replaced(tip, null);
      for (const block of blocks.slice(told.height + 1)) this.#mined(block);
      if (told.height <= tip.height) this.#keep(tip);
    })();
  }

  /** `orphaned`: how many blocks of the old chain are not in the new one; null when the old one is not known any more. */
  replaced(tip: Block, orphaned: number | null): void {
    this.#db.transaction(() => {
      this.#outbox.add('chain-replaced', { height: tip.height, orphaned }, { key });
      this.#keep(tip);
    })();
  }

  close(): Promise<void> {
    return this.#outbox.close();
  }

  #mined({ height, hash, miner, reward, transactions }: Block): void {
    this.#outbox.add('block-mined', { height, hash, miner, reward, transactions: transactions.length }, { key });
  }

  get #told(): Told | undefined {
    return this.#db.prepare<[], Told>('SELECT height, hash FROM told').get();
  }

  #keep({ height, hash }: Told): void {
    this.#db.prepare('INSERT OR REPLACE INTO told VALUES (1, ?, ?)').run(height, hash);
  }
}
