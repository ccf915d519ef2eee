import { hash } from 'node:crypto';
import * as z from 'zod';
import { Address, type KeyPair, Signature, signText, verifyText } from './keys.ts';

export const Transaction = z.strictObject({
  from: Address,
  to: Address,
  /** In the smallest unit; coins are whole numbers. */
  amount: z.int().positive(),
  /** How many transactions of `from` came before this one: each number counts once, so nothing can be replayed. */
  nonce: z.int().nonnegative(),
  memo: z.string().max(200).default(''),
  signature: Signature,
});

export type Transaction = z.output<typeof Transaction>;
export type Unsigned = Omit<Transaction, 'signature'>;

/** The text that is signed; it names the network, so that a signature is worth nothing on another chain. */
export function signingText({ from, to, amount, nonce, memo }: Unsigned, network: string): string {
  return JSON.stringify([network, from, to, amount, nonce, memo]);
}

/** Independent of the signature. */
export function transactionId(transaction: Unsigned, network: string): string {
  return hash('sha256', signingText(transaction, network));
}

export function signTransaction(transaction: Omit<Unsigned, 'from'>, keys: KeyPair, network: string): Transaction {
  const unsigned = { from: keys.address, ...transaction };
  return { ...unsigned, signature: signText(signingText(unsigned, network), keys) };
}

export function isSigned(transaction: Transaction, network: string): boolean {
  return verifyText(signingText(transaction, network), transaction.signature, transaction.from);
}
