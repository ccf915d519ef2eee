import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EventBus, log, Mutex, messageOf, openDatabase, Unavailable } from '../kit/index.ts';
import { type Block, genesisBlock, mineBlock, nextBlock } from './block.ts';
import { ChainFile } from './chain-file.ts';
import { formatKeys, generateKeys, type KeyPair, parseKeys } from './keys.ts';
import type { Ledger, Refusal } from './ledger.ts';
import { Mempool, MIGRATIONS, type Pending } from './mempool.ts';
import { News } from './news.ts';
import { RULES, type Rules } from './rules.ts';
import { signTransaction, type Transaction } from './transaction.ts';
import { parseBlock, validateChain } from './validation.ts';

export interface NodeOptions {
  /** Holds chain.jsonl, the mempool's database and the key of this node's own account. */
  readonly folder: string;
  readonly rules?: Rules;
  /** Milliseconds after which waiting transactions are mined without being asked; 0 = never. Default 10 s. */
  readonly autoMineMs?: number;
  /** Hears of blocks and transactions; without one nobody does. */
  readonly bus?: EventBus;
  readonly now?: () => number;
}

/** How far ahead of this clock the last block of somebody else's chain may be. */
const FUTURE_MS = 120_000;

/** One node of the chain: the ledger in memory, its file, the transactions that wait, the miner. */
export class Node {
  readonly keys: KeyPair;
  readonly rules: Rules;
  readonly #file: ChainFile;
  readonly #mempool: Mempool;
  readonly #now: () => number;
  readonly #autoMineMs: number;
  readonly #news: News;
  readonly #closeDatabase: () => void;
  /** Held while ledger, file and mempool change together, or are compared. */
  readonly #lock = new Mutex();
  readonly #miners = new Mutex();
  #ledger: Ledger;
  /** Why the file cannot be trusted, as of the last check. */
  #damage: string | undefined;
  /** The file was damaged when it was read: the ledger ends before the damage. */
  #isPartial: boolean;
  #search = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** Reads and validates the chain in `folder`, or begins one. A damaged chain opens too, and says so in `check`. */
  static async open(options: NodeOptions): Promise<Node> {
    const { folder, rules = RULES } = options;
    const file = new ChainFile(join(folder, 'chain.jsonl'));
    const { ledger, reason } = await file.load(await genesisBlock(rules), rules);
    return new Node(options, file, ledger, reason);
  }

  private constructor(options: NodeOptions, file: ChainFile, ledger: Ledger, damage: string | undefined) {
    const { folder, rules = RULES, autoMineMs = 10_000, bus, now = Date.now } = options;
    this.rules = rules;
    this.#file = file;
    this.#ledger = ledger;
    this.#damage = damage;
    this.#isPartial = damage !== undefined;
    this.#autoMineMs = autoMineMs;
    this.#now = now;
    this.keys = ownKeys(folder);
    const db = openDatabase(folder, 'mempool', MIGRATIONS);
    this.#closeDatabase = () => db.close();
    this.#news = new News(db, bus);
    this.#mempool = new Mempool(db, rules.network, (entry) => this.#news.accepted(entry));
    if (!this.#isPartial) {
      this.#mempool.rebase(ledger.accounts);
      this.#news.follow(ledger);
    }
    this.#scheduleMining();
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  get mempool(): Mempool {
    return this.#mempool;
  }

  /** Milliseconds that the oldest transaction has waited for a block. */
  get oldestPendingMs(): number {
    const [oldest] = this.#mempool.pending;
    return oldest ? Math.max(0, this.#now() - oldest.receivedAt) : 0;
  }

  /** Whether the chain on disk is whole: undefined, or what is wrong. Finds out, too, when it has been put right. */
  check(): Promise<string | undefined> {
    return this.#lock.run(() => this.#check());
  }

  /** Validates every block on disk anew, however little changed. */
  async audit(): Promise<string | undefined> {
    return (
      (await this.check()) ??
      (await validateChain(this.#ledger.blocks, (block) => block, this.#genesis, this.rules)).reason
    );
  }

  submit(transaction: Transaction): Pending | Refusal {
    if (this.#damage !== undefined) throw damaged(this.#damage);
    if (this.#mempool.isFull) throw new Unavailable('the mempool is full; try again after the next block');
    const result = this.#mempool.add(transaction, this.#now());
    if (!('reason' in result)) this.#scheduleMining();
    return result;
  }

  /** Signs with this node's own account, whose coins are its mining rewards. */
  pay(to: string, amount: number, memo = ''): Pending | Refusal {
    const nonce = this.#mempool.accounts.nonce(this.keys.address);
    return this.submit(signTransaction({ to, amount, nonce, memo }, this.keys, this.rules.network));
  }

  /** Mines what waits into one block, an empty one when nothing does. Miners queue up. Throws Unavailable on a damaged chain. */
  mine(miner = this.keys.address): Promise<Block> {
    return this.#miners.run(async () => {
      while (!this.#isClosed) {
        this.#search = new AbortController();
        const transactions = this.#mempool.pending.slice(0, this.rules.maxTransactionsPerBlock);
        const candidate = nextBlock(
          this.#ledger.blocks,
          transactions.map((entry) => entry.transaction),
          miner,
          this.#now(),
          this.rules,
        );
        const block = await mineBlock(candidate, this.#search.signal);
        if (block && (await this.#lock.run(() => this.#append(block)))) return block;
      }
      throw new Unavailable('covenant is stopping');
    });
  }

  /**
   * Takes another node's whole chain when it is valid and longer, that is, cost more work; when this node's own is damaged,
   * an equally long one will do. Transactions that only the old chain held wait for a block again.
   */
  async replace(
    candidate: readonly unknown[],
  ): Promise<{ refused: 'invalid' | 'shorter'; reason: string } | { orphaned: number }> {
    const { ledger, reason } = await validateChain(candidate, parseBlock, this.#genesis, this.rules);
    if (reason !== undefined) return { refused: 'invalid', reason };
    if (ledger.tip.timestamp > this.#now() + FUTURE_MS) {
      return { refused: 'invalid', reason: `block ${ledger.tip.height}: its time lies in the future` };
    }
    return this.#lock.run(async () => {
      const old = this.#ledger;
      const isLonger = ledger.work > old.work || (ledger.work === old.work && (await this.#check()) !== undefined);
      if (!isLonger) return { refused: 'shorter', reason: `it cost ${ledger.work} hashes, this chain ${old.work}` };
      await this.#file.replace(ledger.blocks);
      const orphans = old.blocks.filter(({ height, hash }) => ledger.blocks[height]?.hash !== hash);
      this.#adopt(
        ledger,
        orphans.flatMap((block) => block.transactions),
      );
      this.#news.replaced(ledger.tip, orphans.length);
      log(`covenant took a longer chain: block ${ledger.tip.height}, ${orphans.length} blocks orphaned`);
      return { orphaned: orphans.length };
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#search.abort();
    await this.#miners.run(() => {});
    await this.#news.close();
    await this.#lock.run(() => this.#closeDatabase());
  }

  get #genesis(): Block {
    return this.#ledger.blocks[0] as Block;
  }

  async #check(): Promise<string | undefined> {
    if (this.#isPartial) {
      const { ledger, reason } = await this.#file.load(this.#genesis, this.rules);
      this.#damage = reason;
      if (reason === undefined) {
        this.#adopt(ledger);
        this.#news.follow(ledger);
      }
    } else {
      this.#damage = await this.#file.check(this.#ledger);
    }
    return this.#damage;
  }

  #adopt(ledger: Ledger, orphaned: readonly Transaction[] = []): void {
    this.#ledger = ledger;
    this.#damage = undefined;
    this.#isPartial = false;
    this.#mempool.rebase(ledger.accounts, orphaned, this.#now());
    this.#search.abort();
    this.#scheduleMining();
  }

  /** False when the chain has meanwhile grown otherwise. */
  async #append(block: Block): Promise<boolean> {
    const damage = this.#damage === undefined && (await this.#file.isUntouched()) ? undefined : await this.#check();
    if (damage !== undefined) throw damaged(damage);
    if (block.previousHash !== this.#ledger.tip.hash) return false;
    const judgement = this.#ledger.judge(block);
    if ('reason' in judgement) throw new Error(`mined an invalid block: ${judgement.reason}`);
    await this.#file.append(block);
    judgement.take();
    this.#mempool.rebase(this.#ledger.accounts);
    this.#news.follow(this.#ledger);
    return true;
  }

  #scheduleMining(): void {
    if (this.#timer || this.#autoMineMs === 0 || this.#isClosed || this.#mempool.pending.length === 0) return;
    this.#timer = setTimeout(async () => {
      try {
        if (this.#mempool.pending.length > 0) await this.mine();
      } catch (error) {
        if (!this.#isClosed) log(`covenant cannot mine: ${messageOf(error)}`);
      }
      this.#timer = undefined;
      this.#scheduleMining();
    }, this.#autoMineMs);
  }
}

function damaged(reason: string): Unavailable {
  return new Unavailable(`the chain on disk is not valid (${reason}); put chain.jsonl right, or POST a valid chain`);
}

/** This node's account, made once and kept beside the chain. */
function ownKeys(folder: string): KeyPair {
  const path = join(folder, 'node.pem');
  if (existsSync(path)) return parseKeys(readFileSync(path, 'utf8'));
  const keys = generateKeys();
  writeFileSync(path, formatKeys(keys), { mode: 0o600, flag: 'wx' });
  return keys;
}
