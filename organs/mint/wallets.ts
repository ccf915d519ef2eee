import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { generateKeys, type KeyPair } from '../covenant/keys.ts';
import { BadRequest, type Database, NotFound, Unprocessable } from '../kit/index.ts';
import type { Custody } from './custody.ts';
import { type Approval, SignerKey, signerId, verify } from './signatures.ts';

export const NewWallet = z.strictObject({
  name: z.string().min(1).max(80),
  /** How many of the signers must approve a transfer. */
  threshold: z.int().min(1).max(16),
  signers: z.array(SignerKey).min(1).max(16),
  /** Whether a transfer also needs a passkey: the owner's finger or face. */
  requiresPasskey: z.boolean().default(false),
});

export type Signer = SignerKey & { readonly id: string };

export interface Wallet {
  readonly id: string;
  readonly name: string;
  /** Its account on covenant. */
  readonly address: string;
  readonly threshold: number;
  readonly signers: readonly Signer[];
  readonly requiresPasskey: boolean;
  readonly createdAt: number;
}

interface Row {
  id: string;
  name: string;
  address: string;
  sealed_key: Buffer;
  threshold: number;
  requires_passkey: number;
  created_at: number;
}

/**
 * Multi-signature wallets over covenant's single-signer accounts: each wallet is one covenant account whose key mint holds
 * in custody, and mint signs with it only what `threshold` of the wallet's own signers have signed before.
 */
export class Wallets {
  readonly #db: Database;
  readonly #custody: Custody;

  constructor(db: Database, custody: Custody) {
    this.#db = db;
    this.#custody = custody;
  }

  /** A test wallet takes the place of the ones before it that never took part in a transfer. */
  create(wallet: z.output<typeof NewWallet>, now: number, isTest = false): Wallet {
    const { name, threshold, signers, requiresPasskey } = wallet;
    const ids = new Set(signers.map(signerId));
    if (ids.size < signers.length) throw new BadRequest('each signer needs a key of their own');
    if (threshold > signers.length)
      throw new BadRequest(`${threshold} approvals cannot come from ${signers.length} signers`);
    const id = randomUUID();
    const keys = generateKeys();
    this.#db.transaction(() => {
      if (isTest) {
        this.#db.exec('DELETE FROM wallets WHERE is_test = 1 AND id NOT IN (SELECT wallet_id FROM transfers)');
      }
      this.#db
        .prepare('INSERT INTO wallets VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
        .run(
          id,
          name,
          keys.address,
          this.#custody.seal(keys, id),
          threshold,
          Number(requiresPasskey),
          Number(isTest),
          now,
        );
      const insert = this.#db.prepare('INSERT INTO signers VALUES (?, ?, ?, ?)');
      for (const signer of signers) insert.run(id, signerId(signer), signer.kind, signer.publicKey);
    })();
    return this.get(id);
  }

  get(id: string): Wallet {
    const row = this.#db.prepare<[string], Row>('SELECT * FROM wallets WHERE id = ?').get(id);
    if (!row) throw new NotFound(`there is no wallet ${id}`);
    return this.#read(row);
  }

  list(limit: number, offset: number): Wallet[] {
    const rows = this.#db
      .prepare<[number, number], Row>('SELECT * FROM wallets ORDER BY created_at, id LIMIT ? OFFSET ?')
      .all(limit, offset);
    return rows.map((row) => this.#read(row));
  }

  addresses(): string[] {
    return this.#db.prepare<[], string>('SELECT address FROM wallets').pluck().all();
  }

  /** The wallet's key on covenant; ask for it only to settle what was approved. */
  keys(id: string): KeyPair {
    const sealed = this.#db.prepare<[string], Buffer>('SELECT sealed_key FROM wallets WHERE id = ?').pluck().get(id);
    if (!sealed) throw new NotFound(`there is no wallet ${id}`);
    return this.#custody.open(sealed, id);
  }

  #read(row: Row): Wallet {
    const signers = this.#db
      .prepare<[string], Signer>(
        'SELECT id, kind, public_key AS publicKey FROM signers WHERE wallet_id = ? ORDER BY rowid',
      )
      .all(row.id);
    return {
      id: row.id,
      name: row.name,
      address: row.address,
      threshold: row.threshold,
      signers,
      requiresPasskey: row.requires_passkey === 1,
      createdAt: row.created_at,
    };
  }
}

/** Throws Unprocessable unless the approval is by a signer of the wallet, over exactly `text`. */
export async function checkApproval(
  { signers }: Wallet,
  text: string,
  { signer: id, signature }: Approval,
): Promise<Signer> {
  const signer = signers.find((candidate) => candidate.id === id);
  if (!signer) throw new Unprocessable(`${id} is no signer of this wallet`);
  if (!(await verify(signer, text, signature)))
    throw new Unprocessable(`the ${signer.kind} signature of ${id} does not verify`);
  return signer;
}

/** Whether these signers, each counted once, are as many as the wallet asks for. */
export function hasQuorum(
  { threshold, signers }: Pick<Wallet, 'threshold' | 'signers'>,
  approvedBy: Iterable<string>,
): boolean {
  const approved = new Set(approvedBy);
  return signers.filter(({ id }) => approved.has(id)).length >= threshold;
}
