import * as z from 'zod';
import { signTransaction, transactionId, type Unsigned } from '../covenant/transaction.ts';
import { BadGateway, type Client, log, Mutex, messageOf, OrganError, Unavailable } from '../kit/index.ts';
import type { Transfer, Transfers } from './transfers.ts';
import type { Wallets } from './wallets.ts';

const Account = z.object({ address: z.string(), balance: z.number(), available: z.number(), nonce: z.number() });
const Accounts = z.object({ balances: z.array(Account) });
const Chain = z.object({ network: z.string(), height: z.number() });
const Entry = z.object({ status: z.enum(['pending', 'confirmed']), height: z.number().optional() });

/** What still has a way to go without anybody's help. */
export const UNSETTLED = ['complete', 'approved', 'submitted'] as const;

/** What covenant takes addresses by in one request. */
const BATCH = 100;

/**
 * Brings released transfers onto covenant, signed with the wallet's key, and watches until they are in a block. What was
 * signed is kept before it is sent: after a crash the same transaction is sent again, which covenant takes only once.
 */
export class Settlement {
  readonly #client: Client;
  readonly #wallets: Wallets;
  readonly #transfers: Transfers;
  readonly #everyMs: number;
  readonly #turns = new Mutex();
  #network: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #complaint: string | undefined;

  constructor(client: Client, wallets: Wallets, transfers: Transfers, everyMs: number) {
    this.#client = client;
    this.#wallets = wallets;
    this.#transfers = transfers;
    this.#everyMs = everyMs;
    this.schedule();
  }

  /** To be called when there is something to settle. */
  schedule(): void {
    if (this.#timer || this.#isClosed || this.#transfers.count(...UNSETTLED) === 0) return;
    this.#timer = setTimeout(async () => {
      await this.#turns.run(() => this.#settleAll());
      this.#timer = undefined;
      this.schedule();
    }, this.#everyMs);
  }

  /** Assesses a complete transfer at once; when covenant is away, as soon as it is back. */
  async release(id: string): Promise<void> {
    await this.#assess(this.#transfers.get(id)).catch((error) => {
      if (!(error instanceof OrganError)) throw error;
    });
    this.schedule();
  }

  async account(address: string): Promise<z.output<typeof Account>> {
    return this.#client.callJson('covenant', `/balances/${address}`, Account);
  }

  /** The coins that all wallets of this mint hold on covenant. */
  async totalValueLocked(): Promise<{ total: number; wallets: number; height: number }> {
    const addresses = this.#wallets.addresses();
    const { height } = await this.#chain();
    let total = 0;
    for (let i = 0; i < addresses.length; i += BATCH) {
      const list = addresses.slice(i, i + BATCH).join(',');
      const { balances } = await this.#client.callJson('covenant', `/balances?addresses=${list}`, Accounts);
      total += balances.reduce((sum, { balance }) => sum + balance, 0);
    }
    return { total, wallets: addresses.length, height };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#turns.run(() => {});
  }

  #chain(): Promise<z.output<typeof Chain>> {
    return this.#client.callJson('covenant', '/chain?limit=1', Chain);
  }

  async #settleAll(): Promise<void> {
    let complaint: string | undefined;
    for (const transfer of this.#transfers.withStatus(...UNSETTLED)) {
      try {
        await this.#advance(transfer);
      } catch (error) {
        complaint = `cannot settle transfer ${transfer.id} yet: ${messageOf(error)}`;
        if (error instanceof Unavailable) break; // covenant is away: all wait, and are tried again
      }
    }
    if (complaint !== undefined && complaint !== this.#complaint) log(complaint);
    this.#complaint = complaint;
  }

  async #advance(transfer: Transfer): Promise<void> {
    if (transfer.status === 'complete') await this.#assess(transfer);
    else if (transfer.status === 'approved') await this.#submit(transfer);
    else await this.#follow(transfer);
  }

  async #assess({ id, walletId }: Transfer): Promise<void> {
    const { available } = await this.account(this.#wallets.get(walletId).address);
    this.#transfers.release(id, available);
  }

  async #submit(transfer: Transfer): Promise<void> {
    const settlement = transfer.settlement ?? (await this.#sign(transfer));
    if (!settlement) return;
    try {
      await this.#client.callJson('covenant', '/transactions', z.unknown(), { method: 'POST', json: settlement });
    } catch (error) {
      if (!(error instanceof BadGateway) || ![409, 422].includes(error.upstreamStatus)) throw error;
      const id = transactionId(settlement, await this.#networkName());
      // Refused, and not because it arrived before: its nonce was used otherwise, so it can never be mined. Sign anew.
      if (!(await this.#find(id))) return this.#transfers.prepareSettlement(transfer.id, null, null);
    }
    this.#transfers.conclude(transfer.id, 'submitted');
  }

  /** Undefined when the wallet has not the coins: then the transfer has failed. */
  async #sign({ id, walletId, to, amount, memo }: Transfer) {
    const keys = this.#wallets.keys(walletId);
    const { available, nonce } = await this.account(keys.address);
    if (amount > available) {
      this.#transfers.conclude(id, 'failed', { reason: `the wallet has ${available}, not ${amount}` });
      return undefined;
    }
    const network = await this.#networkName();
    const unsigned: Omit<Unsigned, 'from'> = { to, amount, nonce, memo };
    const settlement = signTransaction(unsigned, keys, network);
    this.#transfers.prepareSettlement(id, settlement, transactionId(settlement, network));
    return settlement;
  }

  async #follow({ id, settlement, settlementId }: Transfer): Promise<void> {
    const entry = settlementId === null ? undefined : await this.#find(settlementId);
    if (entry?.status === 'confirmed') this.#transfers.conclude(id, 'settled', { height: entry.height ?? 0 });
    if (!entry) this.#transfers.prepareSettlement(id, settlement, settlementId); // lost with a chain that was given up: once more
  }

  async #find(id: string): Promise<z.output<typeof Entry> | undefined> {
    try {
      return await this.#client.callJson('covenant', `/transactions/${id}`, Entry);
    } catch (error) {
      if (error instanceof BadGateway && error.upstreamStatus === 404) return undefined;
      throw error;
    }
  }

  async #networkName(): Promise<string> {
    this.#network ??= (await this.#chain()).network;
    return this.#network;
  }
}
