import { Hono } from 'hono';
import * as z from 'zod';
import {
  adminOnly,
  Conflict,
  type Health,
  NotFound,
  type Organ,
  readBody,
  readParams,
  readQuery,
  Unavailable,
  Unprocessable,
} from '../kit/index.ts';
import { Address } from './keys.ts';
import type { Refusal } from './ledger.ts';
import type { Pending } from './mempool.ts';
import { Node, type NodeOptions } from './node.ts';
import { Transaction, transactionId } from './transaction.ts';

export interface CovenantOptions extends NodeOptions {
  /** Age of the oldest waiting transaction from which the organ is Degraded; default 60 s. */
  readonly mempoolWarnMs?: number;
}

const Height = z.strictObject({ height: z.union([z.literal('tip'), z.coerce.number().int().nonnegative()]) });
const Page = z.strictObject({
  from: z.coerce.number().int().nonnegative().default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

/** The proof-of-work ledger as an organ. */
export async function covenant(options: CovenantOptions): Promise<Organ> {
  const node = await Node.open(options);
  const app = new Hono();
  chainRoutes(app, node);
  accountRoutes(app, node);
  miningRoutes(app, node);
  return {
    name: 'covenant',
    app,
    health: () => health(node, options.mempoolWarnMs ?? 60_000),
    close: () => node.close(),
    maxBodyBytes: 64 * 1024 * 1024, // a whole chain must fit through POST /chain
  };
}

async function health(node: Node, mempoolWarnMs: number): Promise<Health> {
  const damage = await node.check();
  const { ledger, mempool } = node;
  const metrics = {
    height: ledger.tip.height,
    difficulty: ledger.tip.difficulty,
    accounts: ledger.accounts.count,
    mempool: mempool.pending.length,
    oldestPendingSeconds: Math.round(node.oldestPendingMs / 1000),
  };
  if (damage !== undefined) return { status: 'fail', reason: `chain invalid: ${damage}`, metrics };
  if (node.oldestPendingMs > mempoolWarnMs) {
    const reason = `mempool old: a transaction has waited ${metrics.oldestPendingSeconds} s for a block`;
    return { status: 'warn', reason, metrics };
  }
  return { status: 'pass', metrics };
}

function chainRoutes(app: Hono, node: Node): void {
  app.get('/chain', (c) => {
    const { from, limit } = readQuery(c, Page);
    const { tip, work, blocks } = node.ledger;
    const summary = { network: node.rules.network, height: tip.height, tip: tip.hash, work: work.toString() };
    return c.json({ ...summary, blocks: blocks.slice(from, from + limit) });
  });

  app.get('/chain/valid', async (c) => {
    const { full } = readQuery(c, z.strictObject({ full: z.stringbool().default(false) }));
    const reason = await (full ? node.audit() : node.check());
    const { height, hash: tip } = node.ledger.tip;
    return c.json({ valid: reason === undefined, ...(reason === undefined ? {} : { reason }), height, tip });
  });

  app.post('/chain', adminOnly, async (c) => {
    const { blocks } = await readBody(c, z.strictObject({ blocks: z.array(z.unknown()).min(1) }));
    const result = await node.replace(blocks);
    if ('orphaned' in result)
      return c.json({ accepted: true, height: node.ledger.tip.height, orphaned: result.orphaned });
    const { refused, reason } = result;
    if (refused === 'invalid') throw new Unprocessable(`the chain is not valid: ${reason}`);
    throw new Conflict(`the chain is not longer: ${reason}`);
  });

  app.get('/blocks/:height', (c) => {
    const { height } = readParams(c, Height);
    const block = height === 'tip' ? node.ledger.tip : node.ledger.blocks[height];
    if (!block) throw new NotFound(`there is no block ${height}, the last is ${node.ledger.tip.height}`);
    return c.json(block);
  });
}

function accountRoutes(app: Hono, node: Node): void {
  const account = (address: string) => ({
    address,
    balance: node.ledger.accounts.balance(address),
    /** What is left once all that is pending is mined, and the nonce for the next transaction. */
    available: node.mempool.accounts.balance(address),
    nonce: node.mempool.accounts.nonce(address),
  });

  app.get('/balances/:address', (c) => c.json(account(readParams(c, z.strictObject({ address: Address })).address)));

  app.get('/balances', (c) => {
    const List = z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(Address).max(100));
    const { addresses } = readQuery(c, z.strictObject({ addresses: List }));
    return c.json({ balances: addresses.map(account) });
  });

  app.get('/transactions/:id', (c) => {
    const { id } = readParams(c, z.strictObject({ id: z.string().regex(/^[0-9a-f]{64}$/) }));
    const height = node.ledger.heightOf(id);
    if (height !== undefined) {
      const { network } = node.rules;
      const transaction = node.ledger.blocks[height]?.transactions.find((tx) => transactionId(tx, network) === id);
      return c.json({
        id,
        status: 'confirmed',
        height,
        confirmations: node.ledger.tip.height - height + 1,
        transaction,
      });
    }
    const pending = node.mempool.find(id);
    if (!pending) throw new NotFound(`no transaction ${id} is in the chain or waits for a block`);
    return c.json({ id, status: 'pending', transaction: pending.transaction });
  });

  app.post('/transactions', async (c) => {
    const pending = accepted(node.submit(await readBody(c, Transaction)));
    return c.json({ id: pending.id, status: 'pending' }, 201);
  });
}

function miningRoutes(app: Hono, node: Node): void {
  app.get('/mempool', (c) => {
    const { pending } = node.mempool;
    const transactions = pending
      .slice(0, 1000)
      .map(({ id, receivedAt, transaction }) => ({ id, receivedAt, ...transaction }));
    return c.json({ size: pending.length, oldestMs: node.oldestPendingMs, transactions });
  });

  const MAX_WAITING = 16;
  let waiting = 0;
  const mine = async (miner?: string) => {
    if (waiting >= MAX_WAITING) throw new Unavailable(`${MAX_WAITING} blocks are being mined already`);
    waiting += 1;
    try {
      return await node.mine(miner);
    } finally {
      waiting -= 1;
    }
  };
  app.post('/mine', async (c) => {
    const { miner } = await readBody(c, z.strictObject({ miner: Address.optional() }));
    const startedAt = performance.now();
    const block = await mine(miner);
    const { height, hash, difficulty, reward, transactions } = block;
    const elapsedMs = Math.round(performance.now() - startedAt);
    return c.json(
      { height, hash, difficulty, reward, miner: block.miner, transactions: transactions.length, elapsedMs },
      201,
    );
  });

  /** A real payment of one coin from this node's account to itself, so that a test leaves nobody richer. */
  app.post('/selftest/transaction', adminOnly, async (c) => {
    const { address } = node.keys;
    if (node.mempool.accounts.balance(address) === 0) await mine();
    const { id, transaction } = accepted(node.pay(address, 1, 'self-test'));
    return c.json({ id, status: 'pending', transaction }, 201);
  });
}

function accepted(result: Pending | Refusal): Pending {
  if (!('reason' in result)) return result;
  throw result.kind === 'replay' ? new Conflict(result.reason) : new Unprocessable(result.reason);
}
