import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Block, blockHash, type Candidate, genesisBlock, meetsDifficulty, mineBlock, nextBlock } from './block.ts';
import { generateKeys, type KeyPair } from './keys.ts';
import { Ledger } from './ledger.ts';
import { nextDifficulty, RULES, type Rules, rewardAt } from './rules.ts';
import { isSigned, signTransaction, type Transaction, transactionId } from './transaction.ts';

const EASY: Rules = { ...RULES, initialDifficulty: 4, minDifficulty: 4, maxDifficulty: 6, reward: 100 };
const GENESIS = await genesisBlock(EASY);
const [alice, bob] = [generateKeys(), generateKeys()];
const T0 = GENESIS.timestamp;

const pay = (from: KeyPair, to: KeyPair, amount: number, nonce: number): Transaction =>
  signTransaction({ to: to.address, amount, nonce, memo: '' }, from, EASY.network);

async function solve(candidate: Candidate): Promise<Block> {
  return (await mineBlock(candidate)) as Block;
}

/** A ledger whose first block gave alice 100 coins. */
async function funded(): Promise<Ledger> {
  const ledger = new Ledger(GENESIS, EASY);
  expect(ledger.append(await solve(nextBlock([GENESIS], [], alice.address, T0, EASY)))).toBeUndefined();
  return ledger;
}

describe('the rules', () => {
  test.each([
    ['00f', 8, true],
    ['00f', 9, false],
    ['007', 9, true],
    ['000', 12, true],
    ['001', 12, false],
    ['f00', 0, true],
    ['8ff', 1, false],
    ['7ff', 1, true],
  ])('%s begins with %i zero bits: %s', (hash, bits, expected) => {
    expect(meetsDifficulty(hash, bits)).toBe(expected);
  });

  test.each([
    ['too fast', 1, 13],
    ['on time', 10_000, 12],
    ['too slow', 100_000, 11],
  ])('blocks that come %s move the difficulty to %#', (_, spacingMs, expected) => {
    const chain = Array.from({ length: 2 * RULES.retargetEvery }, (_, i) => ({
      difficulty: 12,
      timestamp: i * spacingMs,
    }));
    expect(nextDifficulty(chain, RULES)).toBe(expected);
    expect(nextDifficulty(chain.slice(0, -1), RULES)).toBe(12);
  });

  test('the difficulty stays within its bounds', () => {
    const at = (difficulty: number, spacingMs: number) =>
      nextDifficulty(
        Array.from({ length: 32 }, (_, i) => ({ difficulty, timestamp: i * spacingMs })),
        RULES,
      );
    expect(at(RULES.maxDifficulty, 1)).toBe(RULES.maxDifficulty);
    expect(at(RULES.minDifficulty, 1e6)).toBe(RULES.minDifficulty);
  });

  test('the reward halves', () => {
    expect([0, 1, 99_999, 100_000, 200_000].map((height) => rewardAt(height, RULES))).toEqual([
      0, 50_000, 50_000, 25_000, 12_500,
    ]);
  });

  test('genesis is the same for the same rules only', async () => {
    expect(await genesisBlock(EASY)).toEqual(GENESIS);
    expect((await genesisBlock({ ...EASY, reward: 101 })).hash).not.toBe(GENESIS.hash);
  });
});

describe('transactions', () => {
  test('a signature holds for exactly what was signed, on exactly this network', () => {
    const transaction = pay(alice, bob, 5, 0);
    expect(isSigned(transaction, EASY.network)).toBe(true);
    expect(isSigned(transaction, 'another')).toBe(false);
    const changes: Partial<Transaction>[] = [
      { amount: 6 },
      { nonce: 1 },
      { memo: 'x' },
      { to: alice.address },
      { from: bob.address },
      { signature: transaction.signature.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) },
      { from: 'f'.repeat(64) },
    ];
    for (const change of changes)
      expect(isSigned({ ...transaction, ...change }, EASY.network), JSON.stringify(change)).toBe(false);
  });

  test('the id does not depend on the signature', () => {
    const transaction = pay(alice, bob, 5, 0);
    expect(transactionId({ ...transaction, signature: '00'.repeat(64) } as Transaction, EASY.network)).toBe(
      transactionId(transaction, EASY.network),
    );
  });
});

describe('a block is refused', () => {
  type Change = (candidate: Candidate) => Candidate;
  const holding =
    (...transactions: Transaction[]): Change =>
    (candidate) => ({ ...candidate, transactions });
  const mined: [string, Change, RegExp][] = [
    ['at the wrong height', (c) => ({ ...c, height: 7 }), /block 7: the block after 1 must have height 2/],
    ['without its link', (c) => ({ ...c, previousHash: GENESIS.hash }), /does not link to block 1/],
    ['older than its parent', (c) => ({ ...c, timestamp: T0 - 1 }), /older than the block before/],
    ['at a lower difficulty', (c) => ({ ...c, difficulty: 3 }), /difficulty is 3, not 4/],
    ['with a greater reward', (c) => ({ ...c, reward: 101 }), /reward is 101, not 100/],
    ['with an overdraft', holding(pay(alice, bob, 101, 0)), /transaction 0: .* has 100, not 101/],
    [
      'with a double spend',
      holding(pay(alice, bob, 60, 0), pay(alice, bob, 60, 1)),
      /transaction 1: .* has 40, not 60/,
    ],
    ['with a replay', holding(pay(alice, bob, 1, 0), pay(alice, bob, 1, 0)), /transaction 1: nonce 0 was used already/],
    ['with a gap', holding(pay(alice, bob, 1, 1)), /transaction 0: nonce 1 leaves a gap/],
    [
      'with a forged sender',
      holding({ ...pay(bob, bob, 1, 0), from: alice.address }),
      /signature is not that of its sender/,
    ],
  ];
  test.each(mined)('%s', async (_, change, reason) => {
    const ledger = await funded();
    const block = await solve(change(nextBlock(ledger.blocks, [], bob.address, T0, EASY)));
    expect(ledger.append(block)?.reason).toMatch(reason);
    expect(ledger.tip.height).toBe(1);
    expect(ledger.accounts.balance(alice.address)).toBe(100);
  });

  test('when its content is not what was mined, or its hash has no work in it', async () => {
    const ledger = await funded();
    const block = await solve(nextBlock(ledger.blocks, [], bob.address, T0, EASY));
    expect(ledger.append({ ...block, miner: alice.address })?.reason).toMatch(/hash does not match/);
    let lazy = block;
    while (meetsDifficulty(lazy.hash, 4)) {
      const next = { ...lazy, nonce: lazy.nonce + 1 };
      lazy = { ...next, hash: blockHash(next) };
    }
    expect(ledger.append(lazy)?.reason).toMatch(/4 zero bits of its proof of work/);
    expect(ledger.append(block)).toBeUndefined();
  });
});

test('whatever is tried, no coin appears or vanishes and no balance is negative', async () => {
  const people = [alice, bob, generateKeys()];
  const order = fc.record({
    from: fc.nat(2),
    to: fc.nat(2),
    amount: fc.integer({ min: 1, max: 150 }),
    nonce: fc.nat(3),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(order, { maxLength: 3 }), { maxLength: 4 }), async (blocks) => {
      const ledger = await funded();
      for (const orders of blocks) {
        const transactions = orders.map(({ from, to, amount, nonce }) =>
          pay(people[from]!, people[to]!, amount, nonce),
        );
        ledger.append(await solve(nextBlock(ledger.blocks, transactions, bob.address, T0, EASY)));
      }
      const balances = people.map(({ address }) => ledger.accounts.balance(address));
      expect(balances.every((balance) => balance >= 0)).toBe(true);
      expect(balances.reduce((a, b) => a + b)).toBe(100 * ledger.tip.height);
    }),
    { numRuns: 60 },
  );
});

test('a search without end lets other work go on and can be ended', async () => {
  const search = new AbortController();
  const mining = mineBlock({ ...nextBlock([GENESIS], [], alice.address, T0, EASY), difficulty: 256 }, search.signal);
  await new Promise((resolve) => setTimeout(resolve, 10));
  search.abort();
  expect(await mining).toBeUndefined();
});
