/** What all nodes of one chain must agree on. Genesis commits to these, so other rules are another chain. */
export interface Rules {
  readonly network: string;
  /** Of the first blocks, in leading zero bits of the hash: n bits cost 2^n hashes on average. */
  readonly initialDifficulty: number;
  readonly minDifficulty: number;
  readonly maxDifficulty: number;
  /** Difficulty may change by one bit every so many blocks … */
  readonly retargetEvery: number;
  /** … to bring the time between blocks near this. */
  readonly targetSpacingMs: number;
  /** Coins a block creates for its miner, halved every `halvingEvery` blocks. */
  readonly reward: number;
  readonly halvingEvery: number;
  readonly maxTransactionsPerBlock: number;
}

/** Modest: about 4,000 hashes a block to begin with (some 10 ms), never more than 65,000. */
export const RULES: Rules = {
  network: 'azora-covenant-1',
  initialDifficulty: 12,
  minDifficulty: 8,
  maxDifficulty: 16,
  retargetEvery: 16,
  targetSpacingMs: 10_000,
  reward: 50_000,
  halvingEvery: 100_000,
  maxTransactionsPerBlock: 500,
};

export function rewardAt(height: number, { reward, halvingEvery }: Rules): number {
  return height === 0 ? 0 : Math.floor(reward / 2 ** Math.floor(height / halvingEvery));
}

/** The difficulty that the block after `chain` must have. */
export function nextDifficulty(
  chain: readonly { readonly difficulty: number; readonly timestamp: number }[],
  rules: Rules,
): number {
  const tip = chain.at(-1);
  if (!tip) return rules.initialDifficulty;
  const first = chain.at(-rules.retargetEvery);
  if (!first || first === chain[0] || chain.length % rules.retargetEvery !== 0) return tip.difficulty;
  const expected = rules.targetSpacingMs * (rules.retargetEvery - 1);
  const actual = tip.timestamp - first.timestamp;
  const change = actual < expected / 2 ? 1 : actual > expected * 2 ? -1 : 0;
  return Math.min(rules.maxDifficulty, Math.max(rules.minDifficulty, tip.difficulty + change));
}
