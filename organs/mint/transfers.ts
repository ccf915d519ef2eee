import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { Address } from '../covenant/keys.ts';
import type { Transaction } from '../covenant/transaction.ts';
import { Conflict, type Database, NotFound, type Outbox } from '../kit/index.ts';
import { type Assessment, assess, type PastTransfer } from './fraud.ts';
import type { Approval } from './signatures.ts';
import { checkApproval, hasQuorum, type Wallet } from './wallets.ts';

export const NewTransfer = z.strictObject({
  to: Address,
  amount: z.int().positive(),
  memo: z.string().max(200).default(''),
});

/**
 * proposed → complete (m signatures, and a passkey where the wallet asks for one) → approved (assessed as ordinary) →
 * submitted to covenant → settled. A suspicious one waits in review before it is approved; rejected and failed are ends.
 */
export type Status = 'proposed' | 'complete' | 'review' | 'approved' | 'submitted' | 'settled' | 'rejected' | 'failed';

export interface Transfer {
  readonly id: string;
  readonly walletId: string;
  readonly to: string;
  readonly amount: number;
  readonly memo: string;
  readonly status: Status;
  readonly reason: string | null;
  readonly assessment: Assessment;
  readonly approvedBy: readonly string[];
  readonly passkeyAt: number | null;
  readonly createdAt: number;
  readonly releasedAt: number | null;
  readonly reviewedBy: string | null;
  /** What was signed for covenant, kept before it is sent, so that it is never paid twice. */
  readonly settlement: Transaction | null;
  readonly settlementId: string | null;
  readonly height: number | null;
}

interface Row {
  id: string;
  wallet_id: string;
  recipient: string;
  amount: number;
  memo: string;
  status: Status;
  reason: string | null;
  assessment: string;
  passkey_at: number | null;
  created_at: number;
  released_at: number | null;
  reviewed_by: string | null;
  settlement: string | null;
  settlement_id: string | null;
  height: number | null;
}

/** A wallet's habits are its last so many transfers. */
const HISTORY = 500;

/** What each signer signs. */
export function approvalText(transfer: Pick<Transfer, 'id' | 'walletId' | 'to' | 'amount' | 'memo'>): string {
  return JSON.stringify([
    'azora-mint-transfer-1',
    transfer.id,
    transfer.walletId,
    transfer.to,
    transfer.amount,
    transfer.memo,
  ]);
}

export class Transfers {
  readonly #db: Database;
  readonly #now: () => number;
  readonly #outbox: Outbox;

  constructor(db: Database, now: () => number, outbox: Outbox) {
    this.#db = db;
    this.#now = now;
    this.#outbox = outbox;
  }

  propose(wallet: Wallet, transfer: z.output<typeof NewTransfer>, balance: number): Transfer {
    const { to, amount, memo } = transfer;
    const id = randomUUID();
    const now = this.#now();
    const assessment = assess({ recipient: to, amount, at: now }, this.history(wallet.id), balance);
    this.#db.transaction(() => {
      this.#db
        .prepare(
          `INSERT INTO transfers (id, wallet_id, recipient, amount, memo, status, assessment, created_at)
         VALUES (?, ?, ?, ?, ?, 'proposed', ?, ?)`,
        )
        .run(id, wallet.id, to, amount, memo, JSON.stringify(assessment), now);
      this.#tell(id);
    })();
    return this.get(id);
  }

  get(id: string): Transfer {
    const row = this.#db.prepare<[string], Row>('SELECT * FROM transfers WHERE id = ?').get(id);
    if (!row) throw new NotFound(`there is no transfer ${id}`);
    return this.#read(row);
  }

  list(walletId: string, limit: number): Transfer[] {
    const rows = this.#db
      .prepare<[string, number], Row>('SELECT * FROM transfers WHERE wallet_id = ? ORDER BY created_at DESC LIMIT ?')
      .all(walletId, limit);
    return rows.map((row) => this.#read(row));
  }

  withStatus(...statuses: Status[]): Transfer[] {
    const marks = statuses.map(() => '?').join(', ');
    const rows = this.#db
      .prepare<Status[], Row>(`SELECT * FROM transfers WHERE status IN (${marks}) ORDER BY created_at LIMIT 1000`)
      .all(...statuses);
    return rows.map((row) => this.#read(row));
  }

  count(...statuses: Status[]): number {
    const marks = statuses.map(() => '?').join(', ');
    const count = this.#db
      .prepare<Status[], number>(`SELECT count(*) FROM transfers WHERE status IN (${marks})`)
      .pluck();
    return count.get(...statuses) ?? 0;
  }

  /** How many wait for a reviewer, and for how long the first of them has. */
  reviewQueue(): { readonly size: number; readonly oldestMs: number } {
    const { size, since } = this.#db
      .prepare<[], { size: number; since: number | null }>(
        `SELECT count(*) AS size, min(coalesce(released_at, created_at)) AS since FROM transfers WHERE status = 'review'`,
      )
      .get() ?? { size: 0, since: null };
    return { size, oldestMs: since === null ? 0 : Math.max(0, this.#now() - since) };
  }

  /** What the wallet paid, oldest first. */
  history(walletId: string): PastTransfer[] {
    return this.#db
      .prepare<[string, number], PastTransfer>(
        `SELECT recipient, amount, released_at AS at FROM transfers
         WHERE wallet_id = ? AND status IN ('approved', 'submitted', 'settled') ORDER BY released_at DESC LIMIT ?`,
      )
      .all(walletId, HISTORY)
      .reverse();
  }

  /** Counts a signer's approval. Throws Unprocessable when it does not verify, Conflict when it comes twice or too late. */
  async approve(wallet: Wallet, id: string, approval: Approval): Promise<void> {
    await checkApproval(wallet, approvalText(this.#open(id)), approval);
    this.#open(id); // it may have been released while the signature was verified
    const { changes } = this.#db
      .prepare('INSERT OR IGNORE INTO approvals VALUES (?, ?, ?, ?)')
      .run(id, approval.signer, approval.signature, this.#now());
    if (changes === 0) throw new Conflict(`${approval.signer} has approved this transfer already`);
  }

  confirmByPasskey(id: string): void {
    this.#open(id);
    this.#db.prepare('UPDATE transfers SET passkey_at = ? WHERE id = ?').run(this.#now(), id);
  }

  /** Whether nothing but its assessment is missing now; from then on no approval is taken. */
  complete({ requiresPasskey, ...wallet }: Wallet, id: string): boolean {
    const { status, approvedBy, passkeyAt } = this.get(id);
    if (status !== 'proposed' || !hasQuorum(wallet, approvedBy) || (requiresPasskey && passkeyAt === null))
      return false;
    this.#db.prepare(`UPDATE transfers SET status = 'complete' WHERE id = ?`).run(id);
    return true;
  }

  /** Approved, or into review when it is unlike the wallet's past as it is now. */
  release(id: string, balance: number): void {
    const { walletId, to: recipient, amount } = this.get(id);
    const now = this.#now();
    const assessment = assess({ recipient, amount, at: now }, this.history(walletId), balance);
    this.#db.transaction(() => {
      const { changes } = this.#db
        .prepare(
          `UPDATE transfers SET status = ?, assessment = ?, released_at = ? WHERE id = ? AND status = 'complete'`,
        )
        .run(assessment.decision === 'review' ? 'review' : 'approved', JSON.stringify(assessment), now, id);
      if (changes > 0) this.#tell(id);
    })();
  }

  review(id: string, decision: 'release' | 'reject', reviewer: string, reason: string): Transfer {
    return this.#db.transaction(() => {
      const { changes } = this.#db
        .prepare(
          `UPDATE transfers SET status = ?, reviewed_by = ?, reason = ?, released_at = ? WHERE id = ? AND status = 'review'`,
        )
        .run(decision === 'release' ? 'approved' : 'rejected', reviewer, reason, this.#now(), id);
      const transfer = this.get(id);
      if (changes === 0) throw new Conflict(`the transfer is ${transfer.status}, not in review`);
      this.#tell(id);
      return transfer;
    })();
  }

  /** Keeps what will be sent to covenant; null when it can never be mined and must be signed anew. */
  prepareSettlement(id: string, settlement: Transaction | null, settlementId: string | null): void {
    this.#db
      .prepare(`UPDATE transfers SET settlement = ?, settlement_id = ?, status = 'approved' WHERE id = ?`)
      .run(settlement === null ? null : JSON.stringify(settlement), settlementId, id);
  }

  conclude(
    id: string,
    status: 'submitted' | 'settled' | 'failed',
    detail: { height?: number; reason?: string } = {},
  ): void {
    this.#db.transaction(() => {
      this.#db
        .prepare('UPDATE transfers SET status = ?, height = ?, reason = coalesce(?, reason) WHERE id = ?')
        .run(status, detail.height ?? null, detail.reason ?? null, id);
      if (status !== 'submitted') this.#tell(id);
    })();
  }

  /** Says what the transfer is now, as `transfer-<status>`; those of test wallets are nobody's business. */
  #tell(id: string): void {
    const told = this.#db
      .prepare<
        [string],
        {
          id: string;
          walletId: string;
          from: string;
          to: string;
          amount: number;
          status: Status;
          height: number | null;
        }
      >(
        `SELECT t.id, wallet_id AS walletId, address AS "from", recipient AS "to", amount, status, height
         FROM transfers t JOIN wallets w ON w.id = wallet_id WHERE t.id = ? AND is_test = 0`,
      )
      .get(id);
    if (told) this.#outbox.add(`transfer-${told.status}`, told, { key: told.walletId });
  }

  #open(id: string): Transfer {
    const transfer = this.get(id);
    if (transfer.status !== 'proposed') throw new Conflict(`the transfer is ${transfer.status} already`);
    return transfer;
  }

  #read(row: Row): Transfer {
    const approvedBy = this.#db
      .prepare<[string], string>('SELECT signer_id FROM approvals WHERE transfer_id = ? ORDER BY approved_at, rowid')
      .pluck()
      .all(row.id);
    return {
      id: row.id,
      walletId: row.wallet_id,
      to: row.recipient,
      amount: row.amount,
      memo: row.memo,
      status: row.status,
      reason: row.reason,
      assessment: JSON.parse(row.assessment),
      approvedBy,
      passkeyAt: row.passkey_at,
      createdAt: row.created_at,
      releasedAt: row.released_at,
      reviewedBy: row.reviewed_by,
      settlement: row.settlement === null ? null : JSON.parse(row.settlement),
      settlementId: row.settlement_id,
      height: row.height,
    };
  }
}
