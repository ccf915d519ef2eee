import { hash } from 'node:crypto';
import * as z from 'zod';
import { verifyText } from '../covenant/keys.ts';

const hex = (bytes: number, what: string) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`), `must be ${what}: ${bytes} bytes in lower-case hex`);

/** Who may sign for a wallet. ML-DSA-65 (FIPS 204) keeps its worth against a quantum computer. */
export const SignerKey = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ed25519'), publicKey: hex(32, 'an Ed25519 public key') }),
  z.strictObject({ kind: z.literal('ml-dsa-65'), publicKey: hex(1952, 'an ML-DSA-65 public key') }),
]);

export type SignerKey = z.output<typeof SignerKey>;

/** Of any kind; whether its length is right for its key is for `verify` to tell. */
export const SignatureHex = z.string().regex(/^(?:[0-9a-f]{2}){64,3309}$/, 'must be a signature in lower-case hex');

export const Approval = z.strictObject({ signer: z.string(), signature: SignatureHex });
export type Approval = z.output<typeof Approval>;

/** A short name for a key, the same wherever it is used. */
export function signerId({ publicKey }: SignerKey): string {
  return hash('sha256', publicKey).slice(0, 16);
}

/** Whether `signature` over `text` was made with the private half of `key`. */
export async function verify(key: SignerKey, text: string, signature: string): Promise<boolean> {
  switch (key.kind) {
    case 'ed25519':
      return verifyText(text, signature, key.publicKey);
    case 'ml-dsa-65': {
      const ml_dsa65 = await loadMlDsa();
      const bytes = Buffer.from(signature, 'hex');
      if (bytes.length !== ml_dsa65.lengths.signature) return false;
      return ml_dsa65.verify(bytes, Buffer.from(text), Buffer.from(key.publicKey, 'hex'));
    }
    default:
      return key satisfies never;
  }
}

/** Loaded when first needed: it takes longer than the rest of the organ's start. */
export async function loadMlDsa() {
  const { ml_dsa65 } = await import('@noble/post-quantum/ml-dsa.js');
  return ml_dsa65;
}
