import { setImmediate as nextTurn } from 'node:timers/promises';
import { Block } from './block.ts';
import { Ledger } from './ledger.ts';
import type { Rules } from './rules.ts';

/** A ledger built from untrusted blocks, as far as they are valid; `reason` names the first one that is not. */
export interface Reading {
  readonly ledger: Ledger;
  readonly reason?: string;
}

/** Milliseconds of validation after which other work of this process goes first. */
const SLICE_MS = 10;

/** Validates a whole chain from genesis on, in slices. `parse` gives a block, or what is wrong with it. */
export async function validateChain<T>(
  items: readonly T[],
  parse: (item: T) => Block | string,
  genesis: Block,
  rules: Rules,
): Promise<Reading> {
  const ledger = new Ledger(genesis, rules);
  if (items.length === 0) return { ledger, reason: 'block 0: it is missing' };
  let sliceEnds = performance.now() + SLICE_MS;
  for (const [height, item] of items.entries()) {
    const block = parse(item);
    if (typeof block === 'string') return { ledger, reason: `block ${height}: ${block}` };
    if (height > 0) {
      const refusal = ledger.append(block);
      if (refusal) return { ledger, reason: refusal.reason };
    } else if (JSON.stringify(block) !== JSON.stringify(genesis)) {
      return { ledger, reason: 'block 0: it is not the genesis of these rules' };
    }
    if (performance.now() > sliceEnds) {
      await nextTurn();
      sliceEnds = performance.now() + SLICE_MS;
    }
  }
  return { ledger };
}

export function parseBlock(value: unknown): Block | string {
  const { success, data, error } = Block.safeParse(value);
  if (success) return data;
  return error.issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim()).join('; ');
}
