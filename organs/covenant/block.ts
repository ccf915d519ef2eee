import { hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as z from 'zod';
import { Address } from './keys.ts';
import { nextDifficulty, type Rules, rewardAt } from './rules.ts';
import { Transaction } from './transaction.ts';

const Hash = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 hash, 64 lower-case hex digits');

export const Block = z.strictObject({
  height: z.int().nonnegative(),
  previousHash: Hash,
  /** Milliseconds since 1970. */
  timestamp: z.int().nonnegative(),
  difficulty: z.int().nonnegative().max(256),
  miner: Address,
  reward: z.int().nonnegative(),
  transactions: z.array(Transaction),
  nonce: z.int().nonnegative(),
  hash: Hash,
});

export type Block = z.output<typeof Block>;
export type Candidate = Omit<Block, 'nonce' | 'hash'>;

const NOBODY = '0'.repeat(64);
/** Milliseconds of hashing after which a miner lets other work of this process go first. */
const SLICE_MS = 4;

/** All that is hashed but the proof of work itself. Transactions count with their signatures. */
function header({ height, previousHash, timestamp, difficulty, miner, reward, transactions }: Candidate): string {
  const root = hash(
    'sha256',
    JSON.stringify(transactions.map((tx) => [tx.from, tx.to, tx.amount, tx.nonce, tx.memo, tx.signature])),
  );
  return JSON.stringify([height, previousHash, timestamp, difficulty, miner, reward, root]);
}

export function blockHash(block: Omit<Block, 'hash'>): string {
  return hash('sha256', `${header(block)}${block.nonce}`);
}

/** Whether a hash begins with so many zero bits. */
export function meetsDifficulty(hexHash: string, bits: number): boolean {
  const nibbles = Math.floor(bits / 4);
  for (let i = 0; i < nibbles; i++) if (hexHash[i] !== '0') return false;
  const rest = bits % 4;
  return rest === 0 || Number.parseInt(hexHash[nibbles] ?? 'f', 16) < 2 ** (4 - rest);
}

/** Looks for the nonce in slices; undefined when `signal` ends the search. */
export async function mineBlock(candidate: Candidate, signal?: AbortSignal): Promise<Block | undefined> {
  const text = header(candidate);
  let sliceEnds = performance.now() + SLICE_MS;
  for (let nonce = 0; ; nonce++) {
    const found = hash('sha256', `${text}${nonce}`);
    if (meetsDifficulty(found, candidate.difficulty)) return { ...candidate, nonce, hash: found };
    if (nonce % 256 === 0 && performance.now() > sliceEnds) {
      await nextTurn();
      if (signal?.aborted) return undefined;
      sliceEnds = performance.now() + SLICE_MS;
    }
  }
}

/** The block that may follow `chain`, yet without its proof of work. Time never runs backwards along a chain. */
export function nextBlock(
  chain: readonly Block[],
  transactions: Transaction[],
  miner: string,
  now: number,
  rules: Rules,
): Candidate {
  const tip = chain.at(-1);
  if (!tip) throw new Error('a chain begins with genesisBlock');
  const height = tip.height + 1;
  return {
    height,
    previousHash: tip.hash,
    timestamp: Math.max(now, tip.timestamp),
    difficulty: nextDifficulty(chain, rules),
    miner,
    reward: rewardAt(height, rules),
    transactions,
  };
}

/** The same for everyone with the same rules, to which it links; mined like any other. */
export async function genesisBlock(rules: Rules): Promise<Block> {
  const candidate: Candidate = {
    height: 0,
    previousHash: hash('sha256', JSON.stringify(rules)),
    timestamp: Date.UTC(2025, 0, 1),
    difficulty: rules.initialDifficulty,
    miner: NOBODY,
    reward: 0,
    transactions: [],
  };
  const block = await mineBlock(candidate);
  if (!block) throw new Error('mining genesis cannot be interrupted');
  return block;
}
