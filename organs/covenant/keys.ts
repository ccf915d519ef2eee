import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import * as z from 'zod';

/** An account is its Ed25519 public key: 32 bytes, lower-case hex. */
export const Address = z.string().regex(/^[0-9a-f]{64}$/, 'must be an Ed25519 public key, 64 lower-case hex digits');
export const Signature = z.string().regex(/^[0-9a-f]{128}$/, 'must be an Ed25519 signature, 128 lower-case hex digits');

export interface KeyPair {
  readonly address: string;
  readonly privateKey: KeyObject;
}

export function generateKeys(): KeyPair {
  return keysOf(generateKeyPairSync('ed25519').privateKey);
}

/** Throws when `pem` is not an Ed25519 private key in PKCS#8. */
export function parseKeys(pem: string): KeyPair {
  return keysOf(createPrivateKey(pem));
}

export function formatKeys({ privateKey }: KeyPair): string {
  return privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
}

export function signText(text: string, { privateKey }: KeyPair): string {
  return sign(null, Buffer.from(text), privateKey).toString('hex');
}

/** False also when `address` is no point of the curve. */
export function verifyText(text: string, signature: string, address: string): boolean {
  try {
    const x = Buffer.from(address, 'hex').toString('base64url');
    const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } });
    return verify(null, Buffer.from(text), key, Buffer.from(signature, 'hex'));
  } catch {
    return false; // OpenSSL throws for a key of the wrong length: nothing can be signed by it
  }
}

function keysOf(privateKey: KeyObject): KeyPair {
  const { kty, crv, x } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (kty !== 'OKP' || crv !== 'Ed25519' || !x) throw new Error(`expected an Ed25519 key, got ${kty} ${crv ?? ''}`);
  return { address: Buffer.from(x, 'base64url').toString('hex'), privateKey };
}
