import { type Block, blockHash, meetsDifficulty } from './block.ts';
import { nextDifficulty, type Rules, rewardAt } from './rules.ts';
import { isSigned, type Transaction, transactionId } from './transaction.ts';

/** Why something was not taken. `replay` is a nonce that was used, `gap` one whose predecessor is missing. */
export interface Refusal {
  readonly kind: 'signature' | 'replay' | 'gap' | 'overdraft' | 'block';
  readonly reason: string;
}

/** Who owns what after a sequence of transactions; with a base, only what is different from it. */
export class Accounts {
  readonly #base: Accounts | undefined;
  readonly #balances = new Map<string, number>();
  readonly #nonces = new Map<string, number>();

  constructor(base?: Accounts) {
    this.#base = base;
  }

  /** Addresses that ever held coins. */
  get count(): number {
    return this.#balances.size;
  }

  balance(address: string): number {
    return this.#balances.get(address) ?? this.#base?.balance(address) ?? 0;
  }

  /** The nonce that the next transaction of this account must carry. */
  nonce(address: string): number {
    return this.#nonces.get(address) ?? this.#base?.nonce(address) ?? 0;
  }

  credit(address: string, amount: number): void {
    if (amount > 0) this.#balances.set(address, this.balance(address) + amount);
  }

  /** Everything but the signature, which depends on no account and is checked once. */
  refuse({ from, amount, nonce }: Transaction): Refusal | undefined {
    const expected = this.nonce(from);
    if (nonce < expected) return { kind: 'replay', reason: `nonce ${nonce} was used already, the next is ${expected}` };
    if (nonce > expected) return { kind: 'gap', reason: `nonce ${nonce} leaves a gap, the next is ${expected}` };
    const balance = this.balance(from);
    if (amount > balance) return { kind: 'overdraft', reason: `${from.slice(0, 12)}… has ${balance}, not ${amount}` };
    return undefined;
  }

  /** Only for a transaction that `refuse` let pass. */
  apply({ from, to, amount, nonce }: Transaction): void {
    this.#balances.set(from, this.balance(from) - amount);
    this.credit(to, amount);
    this.#nonces.set(from, nonce + 1);
  }

  /** Makes the differences true of the base too. */
  commit(): void {
    if (!this.#base) return;
    for (const [address, balance] of this.#balances) this.#base.#balances.set(address, balance);
    for (const [address, nonce] of this.#nonces) this.#base.#nonces.set(address, nonce);
  }
}

/**
 * A chain that grew block by block, each fully validated against all before it: link, height, time, difficulty, proof of
 * work, reward, signatures, nonces, balances. What is in it is valid.
 */
export class Ledger {
  readonly rules: Rules;
  readonly #blocks: Block[] = [];
  readonly #heights = new Map<string, number>();
  readonly #accounts = new Accounts();
  #work = 0n;

  constructor(genesis: Block, rules: Rules) {
    this.rules = rules;
    this.#take(genesis, new Accounts(this.#accounts));
  }

  get blocks(): readonly Block[] {
    return this.#blocks;
  }

  get tip(): Block {
    return this.#blocks.at(-1) as Block;
  }

  get accounts(): Accounts {
    return this.#accounts;
  }

  /** Hashes that this chain cost on average: what makes one chain longer than another. */
  get work(): bigint {
    return this.#work;
  }

  /** Height of the block that holds a transaction. */
  heightOf(id: string): number | undefined {
    return this.#heights.get(id);
  }

  /** Takes the next block, or says why not and stays as it was. */
  append(block: Block): Refusal | undefined {
    const judgement = this.judge(block);
    if ('reason' in judgement) return judgement;
    judgement.take();
    return undefined;
  }

  /** Validates the next block without taking it; `take` holds only as long as the ledger has not changed. */
  judge(block: Block): Refusal | { readonly take: () => void } {
    const { tip } = this;
    const refuse = (reason: string): Refusal => ({ kind: 'block', reason: `block ${block.height}: ${reason}` });
    if (block.height !== tip.height + 1)
      return refuse(`the block after ${tip.height} must have height ${tip.height + 1}`);
    if (block.previousHash !== tip.hash) return refuse(`it does not link to block ${tip.height}`);
    if (block.timestamp < tip.timestamp) return refuse('it is older than the block before it');
    const difficulty = nextDifficulty(this.#blocks, this.rules);
    if (block.difficulty !== difficulty) return refuse(`its difficulty is ${block.difficulty}, not ${difficulty}`);
    if (block.hash !== blockHash(block)) return refuse('its hash does not match its content');
    if (!meetsDifficulty(block.hash, difficulty))
      return refuse(`its hash has not the ${difficulty} zero bits of its proof of work`);
    const reward = rewardAt(block.height, this.rules);
    if (block.reward !== reward) return refuse(`its reward is ${block.reward}, not ${reward}`);
    if (block.transactions.length > this.rules.maxTransactionsPerBlock) return refuse('it has too many transactions');

    const accounts = new Accounts(this.#accounts);
    for (const [index, transaction] of block.transactions.entries()) {
      const refusal = isSigned(transaction, this.rules.network)
        ? accounts.refuse(transaction)
        : { reason: 'the signature is not that of its sender' };
      if (refusal) return refuse(`transaction ${index}: ${refusal.reason}`);
      accounts.apply(transaction);
    }
    return { take: () => this.#take(block, accounts) };
  }

  #take(block: Block, accounts: Accounts): void {
    accounts.credit(block.miner, block.reward);
    for (const transaction of block.transactions) {
      this.#heights.set(transactionId(transaction, this.rules.network), block.height);
    }
    accounts.commit();
    this.#work += 2n ** BigInt(block.difficulty);
    this.#blocks.push(block);
  }
}
