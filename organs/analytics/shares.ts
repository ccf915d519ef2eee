import { readdirSync } from 'node:fs';
import { type Database, openDatabase } from '../kit/index.ts';
import { type Partition, TALLY_TABLES, Tally } from '../kit/tally.ts';

const LOCK = 'claims';

/**
 * The replicas' shares of the count: one file each, in one folder. A partition is counted by whoever has claimed it last:
 * the claim writes into the file of the one before that it is no longer the owner, and takes over how far it is counted,
 * so that an event counts once also when a replica dies, or falls asleep, between counting and committing.
 */
export class Shares {
  readonly tally: Tally;
  readonly #folder: string;
  readonly #instance: string;
  readonly #now: () => number;
  readonly #db: Database;
  /** Held during a claim: two at once could each believe that they came last. */
  readonly #lock: Database;

  constructor(folder: string, instance: string, now: () => number) {
    this.#folder = folder;
    this.#instance = instance;
    this.#now = now;
    this.#db = openDatabase(folder, instance, [TALLY_TABLES]);
    this.#lock = openDatabase(folder, LOCK, []);
    this.tally = new Tally(this.#db, now);
  }

  claim(at: Partition): void {
    const claim = this.#lock.transaction(() => {
      const others = this.others.map((instance) => this.read(instance, (tally) => tally.disown(at)));
      this.tally.own(at, Math.max(this.tally.next(at), ...others));
    });
    claim.immediate();
  }

  /** The other replicas that ever counted here. */
  get others(): string[] {
    return readdirSync(this.#folder)
      .filter((file) => file.endsWith('.db'))
      .map((file) => file.slice(0, -'.db'.length))
      .filter((instance) => instance !== this.#instance && instance !== LOCK);
  }

  /** Works with the file of another replica, which may be running or not. */
  read<T>(instance: string, work: (tally: Tally) => T): T {
    const db = openDatabase(this.#folder, instance, [TALLY_TABLES]);
    try {
      return work(new Tally(db, this.#now));
    } finally {
      db.close();
    }
  }

  close(): void {
    this.#lock.close();
    this.#db.close();
  }
}
