import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomUUID,
} from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import { messageOf, Unavailable } from '../kit/index.ts';
import { readPrivate, writePrivate } from './private-file.ts';
import type { Vault } from './vault.ts';

const Key = z.object({
  kid: z.string(),
  publicJwk: z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() }),
  /** The private JWK, sealed; null once the key is retired. */
  sealed: z.string().nullable(),
  createdAt: z.number(),
  /** When the last token that it signed has expired; null while it signs. */
  expiresAt: z.number().nullable(),
});
type Key = z.output<typeof Key>;

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/**
 * The keys that sign tokens (Ed25519), in `signing-keys.json` (0600), private halves sealed by the vault. Rotation retires
 * the active key: its private half is dropped, its public half stays until the last token it signed has expired.
 */
export class KeyStore {
  readonly #path: string;
  readonly #vault: Vault;
  readonly #now: () => number;
  readonly #tokenLifeMs: number;
  /** What was last read; forgotten at every health check and rotation. */
  #keys: readonly Key[] | null = null;
  #signing: SigningKey | null = null;

  constructor(folder: string, vault: Vault, tokenLifeMs: number, now: () => number) {
    this.#path = KeyStore.path(folder);
    this.#vault = vault;
    this.#now = now;
    this.#tokenLifeMs = tokenLifeMs;
    if (!vault.failure && readPrivate(this.#path) === null) this.#write([this.#create()]);
  }

  static path(folder: string): string {
    return join(folder, 'signing-keys.json');
  }

  /** Why the store cannot be read or opened now; null when it can. Reads the file afresh. */
  failure(): string | null {
    if (this.#vault.failure) return this.#vault.failure;
    this.#keys = null;
    this.#signing = null;
    try {
      this.signing();
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** The key to sign with. Throws Unavailable with the reason when the store cannot be read. */
  signing(): SigningKey {
    this.#signing ??= this.#unsealActive();
    return this.#signing;
  }

  /** The public key of this id; null when unknown or expired. */
  verifying(kid: string | undefined): KeyObject | null {
    const key = this.#live().find((known) => known.kid === kid);
    return key ? createPublicKey({ key: key.publicJwk, format: 'jwk' }) : null;
  }

  /** The public keys whose tokens may still be valid, as a JSON Web Key Set. */
  jwks(): { keys: JsonWebKey[] } {
    return { keys: this.#live().map(({ kid, publicJwk }) => ({ ...publicJwk, kid, use: 'sig', alg: 'EdDSA' })) };
  }

  /** Retires the active key and makes a new one; returns its id. */
  rotate(): string {
    const expiresAt = this.#now() + this.#tokenLifeMs;
    const retired = this.#live().map((key) => (key.expiresAt === null ? { ...key, sealed: null, expiresAt } : key));
    const created = this.#create();
    this.#write([created, ...retired]);
    this.#signing = null;
    return created.kid;
  }

  #create(): Key {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const kid = randomUUID();
    return {
      kid,
      publicJwk: Key.shape.publicJwk.parse(publicKey.export({ format: 'jwk' })),
      sealed: this.#vault.seal(`signing key ${kid}`, JSON.stringify(privateKey.export({ format: 'jwk' }))),
      createdAt: this.#now(),
      expiresAt: null,
    };
  }

  #unsealActive(): SigningKey {
    const active = this.#read().find((key) => key.expiresAt === null);
    if (!active?.sealed) throw new Unavailable(`${this.#path} has no active key`);
    const jwk = this.#vault.unseal(`signing key ${active.kid}`, active.sealed);
    if (!jwk) throw new Unavailable(`${this.#path} cannot be opened with ${this.#vault.path}`);
    return { kid: active.kid, privateKey: createPrivateKey({ key: JSON.parse(jwk), format: 'jwk' }) };
  }

  #live(): Key[] {
    return this.#read().filter(({ expiresAt }) => expiresAt === null || expiresAt > this.#now());
  }

  #read(): readonly Key[] {
    this.#keys ??= this.#parse();
    return this.#keys;
  }

  #parse(): Key[] {
    const text = readPrivate(this.#path);
    if (text === null) throw new Unavailable(this.#vault.failure ?? `${this.#path} is missing`);
    try {
      return z.array(Key).parse(JSON.parse(text));
    } catch (cause) {
      throw new Unavailable(`${this.#path} is not a key store`, { cause });
    }
  }

  #write(keys: readonly Key[]): void {
    writePrivate(this.#path, `${JSON.stringify(keys, null, 2)}\n`);
    this.#keys = null;
  }
}
