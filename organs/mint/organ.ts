import { Hono } from 'hono';
import * as z from 'zod';
import {
  adminOnly,
  type Client,
  type EventBus,
  type Health,
  messageOf,
  type Organ,
  Outbox,
  openDatabase,
  readBody,
  readParams,
  readQuery,
  Unprocessable,
} from '../kit/index.ts';
import { Custody } from './custody.ts';
import { Assertion, challengeOf, Passkeys, Registration, type RelyingParty } from './passkeys.ts';
import { reviewerOf } from './reviewer.ts';
import { MIGRATIONS } from './schema.ts';
import { selfTests } from './selftest.ts';
import { Settlement, UNSETTLED } from './settlement.ts';
import { Approval } from './signatures.ts';
import { approvalText, NewTransfer, type Transfer, Transfers } from './transfers.ts';
import { checkApproval, hasQuorum, NewWallet, Wallets } from './wallets.ts';

export interface MintOptions {
  readonly folder: string;
  /** Finds covenant and aegis. */
  readonly client: Client;
  /** Hears of transfers; without one nobody does. */
  readonly bus?: EventBus;
  readonly party?: RelyingParty;
  readonly now?: () => number;
  /** How often released transfers are brought to covenant and looked after; default 1 s. */
  readonly settleEveryMs?: number;
  /** The review queue that makes the organ Degraded; default: more than 10, or one that has waited an hour. */
  readonly reviewWarn?: { readonly size: number; readonly ageMs: number };
}

interface Parts {
  readonly client: Client;
  readonly wallets: Wallets;
  readonly transfers: Transfers;
  readonly passkeys: Passkeys;
  readonly settlement: Settlement;
  readonly now: () => number;
}

const Id = z.strictObject({ id: z.uuid() });
const Page = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  offset: z.coerce.number().int().min(0).default(0),
});

/** What a signer of a wallet signs to let a passkey be registered: the challenge of that very ceremony. */
export function passkeyText(walletId: string, challenge: string): string {
  return JSON.stringify(['azora-mint-passkey-1', walletId, challenge]);
}

export function mint(options: MintOptions): Organ {
  const { folder, client, now = Date.now, settleEveryMs = 1000, reviewWarn = { size: 10, ageMs: 3_600_000 } } = options;
  const party = options.party ?? { name: 'Azora Mint', id: 'localhost', origin: 'http://localhost' };
  const db = openDatabase(folder, 'mint', MIGRATIONS);
  const wallets = new Wallets(db, new Custody(folder));
  const outbox = new Outbox(db, { topic: 'mint', bus: options.bus });
  const transfers = new Transfers(db, now, outbox);
  const passkeys = new Passkeys(db, party);
  const settlement = new Settlement(client, wallets, transfers, settleEveryMs);
  const parts: Parts = { client, wallets, transfers, passkeys, settlement, now };

  const app = new Hono();
  walletRoutes(app, parts);
  transferRoutes(app, parts);
  passkeyRoutes(app, parts);
  reviewRoutes(app, parts);
  app.route('/', selfTests(wallets, transfers, passkeys, now));
  return {
    name: 'mint',
    app,
    health: () => health(parts, reviewWarn),
    async close() {
      await settlement.close();
      await outbox.close();
      client.close();
      db.close();
    },
  };
}

async function health({ client, transfers, wallets }: Parts, warn: { size: number; ageMs: number }): Promise<Health> {
  const queue = transfers.reviewQueue();
  const metrics = {
    wallets: wallets.addresses().length,
    unsettled: transfers.count(...UNSETTLED),
    reviewQueue: queue.size,
    oldestReviewSeconds: Math.round(queue.oldestMs / 1000),
  };
  const gone: string[] = [];
  const concerns: string[] = [];
  const ask = async (name: string) => {
    try {
      if ((await client.condition(name)) === 'sick') concerns.push(`${name} says that it is not well`);
    } catch (error) {
      gone.push(messageOf(error));
    }
  };
  await Promise.all(['covenant', 'aegis'].map(ask));
  if (gone.length > 0) return { status: 'fail', reason: gone.join('; '), metrics };
  if (queue.size > warn.size) concerns.push(`fraud queue: ${queue.size} transfers wait for a review`);
  else if (queue.oldestMs > warn.ageMs)
    concerns.push(`fraud queue: a transfer has waited ${metrics.oldestReviewSeconds} s for a review`);
  return concerns.length > 0 ? { status: 'warn', reason: concerns.join('; '), metrics } : { status: 'pass', metrics };
}

function walletRoutes(app: Hono, { wallets, settlement, now }: Parts): void {
  app.post('/wallets', async (c) => c.json(wallets.create(await readBody(c, NewWallet), now()), 201));
  app.get('/wallets', (c) => {
    const { limit, offset } = readQuery(c, Page);
    return c.json({ wallets: wallets.list(limit, offset) });
  });
  app.get('/wallets/:id', async (c) => {
    const wallet = wallets.get(readParams(c, Id).id);
    const { balance, available } = await settlement.account(wallet.address);
    return c.json({ ...wallet, balance, available });
  });
  app.get('/tvl', async (c) => c.json(await settlement.totalValueLocked()));
}

function transferRoutes(app: Hono, parts: Parts): void {
  const { wallets, transfers, settlement } = parts;
  app.post('/wallets/:id/transfers', async (c) => {
    const wallet = wallets.get(readParams(c, Id).id);
    const transfer = await readBody(c, NewTransfer);
    const { available } = await settlement.account(wallet.address);
    return c.json(present(transfers.propose(wallet, transfer, available)), 201);
  });
  app.get('/wallets/:id/transfers', (c) => {
    const wallet = wallets.get(readParams(c, Id).id);
    const { limit } = readQuery(c, Page);
    return c.json({ transfers: transfers.list(wallet.id, limit).map(present) });
  });
  app.get('/transfers/:id', (c) => c.json(present(transfers.get(readParams(c, Id).id))));
  app.post('/transfers/:id/approvals', async (c) => {
    const { id } = readParams(c, Id);
    const approval = await readBody(c, Approval);
    await transfers.approve(wallets.get(transfers.get(id).walletId), id, approval);
    return c.json(present(await releaseIfComplete(id, parts)), 201);
  });
}

/** A passkey needs the approval of as many signers as a transfer does: it will speak for the wallet. */
const NewPasskey = z.strictObject({ response: Registration, approvals: z.array(Approval).max(16) });

function passkeyRoutes(app: Hono, parts: Parts): void {
  const { wallets, transfers, passkeys, now } = parts;
  app.post('/wallets/:id/passkeys/options', async (c) => {
    return c.json(await passkeys.registrationOptions(wallets.get(readParams(c, Id).id), now()));
  });
  app.post('/wallets/:id/passkeys', async (c) => {
    const wallet = wallets.get(readParams(c, Id).id);
    const { response, approvals } = await readBody(c, NewPasskey);
    const challenge = challengeOf(response.response.clientDataJSON);
    for (const approval of approvals) await checkApproval(wallet, passkeyText(wallet.id, challenge), approval);
    if (
      !hasQuorum(
        wallet,
        approvals.map(({ signer }) => signer),
      )
    ) {
      throw new Unprocessable(`a passkey needs the approval of ${wallet.threshold} signers`);
    }
    return c.json(await passkeys.register(wallet.id, challenge, response, now()), 201);
  });
  app.post('/transfers/:id/passkey/options', async (c) => {
    const { id, walletId } = transfers.get(readParams(c, Id).id);
    return c.json(await passkeys.authenticationOptions(walletId, id, now()));
  });
  app.post('/transfers/:id/passkey', async (c) => {
    const { id, walletId } = transfers.get(readParams(c, Id).id);
    const { response } = await readBody(c, z.strictObject({ response: Assertion }));
    await passkeys.authenticate(walletId, id, response, now());
    transfers.confirmByPasskey(id);
    return c.json(present(await releaseIfComplete(id, parts)));
  });
}

function reviewRoutes(app: Hono, { client, transfers, settlement }: Parts): void {
  const Decision = z.strictObject({ decision: z.enum(['release', 'reject']), reason: z.string().min(1).max(500) });
  app.get('/reviews', adminOnly, (c) => {
    const { size, oldestMs } = transfers.reviewQueue();
    return c.json({ size, oldestMs, transfers: transfers.withStatus('review').map(present) });
  });
  app.post('/reviews/:id', async (c) => {
    const { id } = readParams(c, Id);
    const { decision, reason } = await readBody(c, Decision);
    const reviewer = await reviewerOf(c.req.header('authorization'), client);
    const transfer = transfers.review(id, decision, reviewer, reason);
    settlement.schedule();
    return c.json(present(transfer));
  });
}

async function releaseIfComplete(id: string, { wallets, transfers, settlement }: Parts): Promise<Transfer> {
  const wallet = wallets.get(transfers.get(id).walletId);
  if (transfers.complete(wallet, id)) await settlement.release(id);
  return transfers.get(id);
}

/** With the text that signers sign; covenant's own transaction is mint's affair. */
function present(transfer: Transfer) {
  const { settlement: _, ...rest } = transfer;
  return { ...rest, approvalText: approvalText(transfer) };
}
