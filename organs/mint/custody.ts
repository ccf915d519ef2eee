import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatKeys, type KeyPair, parseKeys } from '../covenant/keys.ts';

/**
 * Seals the covenant keys of wallets under this organ's master key (AES-256-GCM, the wallet's id as associated data), so
 * that the database alone moves no coins. The master key is `custody.key` in the data folder, 0600.
 */
export class Custody {
  readonly #master: Buffer;

  constructor(folder: string) {
    const path = join(folder, 'custody.key');
    if (!existsSync(path)) writeFileSync(path, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' });
    this.#master = Buffer.from(readFileSync(path, 'utf8').trim(), 'hex');
    if (this.#master.length !== 32) throw new Error(`${path} does not hold a key of 32 bytes`);
  }

  seal(keys: KeyPair, walletId: string): Buffer {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#master, iv).setAAD(Buffer.from(walletId));
    const sealed = Buffer.concat([cipher.update(formatKeys(keys)), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
  }

  /** Throws when the sealed key was changed, or belongs to another wallet. */
  open(sealed: Buffer, walletId: string): KeyPair {
    const decipher = createDecipheriv('aes-256-gcm', this.#master, sealed.subarray(0, 12))
      .setAAD(Buffer.from(walletId))
      .setAuthTag(sealed.subarray(12, 28));
    return parseKeys(Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString());
  }
}
