import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Unavailable } from '../kit/index.ts';
import { makePrivate, readPrivate, writePrivate } from './private-file.ts';
import { seal, unseal } from './seal.ts';

/** The master key, in memory while this process lives, and what it seals. The key file is 64 hex digits, 0600. */
export class Vault {
  readonly path: string;
  /** Files that others could read when they were opened; they no longer can. */
  readonly exposed: readonly string[];
  readonly #key: Uint8Array | null;
  readonly #failure: string | null = null;

  /**
   * Opens the vault in `folder`. A new master key is made only when `mayCreate`: beside things that an earlier key sealed it
   * would hide the loss of that key, so then the vault stays shut and says why.
   */
  constructor(folder: string, mayCreate: boolean) {
    this.path = join(folder, 'master.key');
    const text = readPrivate(this.path);
    if (text !== null) {
      this.exposed = makePrivate(this.path) ? [this.path] : [];
      this.#key = /^[0-9a-f]{64}\n?$/.test(text) ? Buffer.from(text.trim(), 'hex') : null;
      if (!this.#key) this.#failure = `${this.path} is not a master key of 64 hex digits`;
      return;
    }
    this.exposed = [];
    this.#key = mayCreate ? randomBytes(32) : null;
    if (this.#key) writePrivate(this.path, `${Buffer.from(this.#key).toString('hex')}\n`);
    else this.#failure = `${this.path} is missing, and what is kept here was sealed with it`;
  }

  /** Why the vault is shut; null when it is open. */
  get failure(): string | null {
    return this.#failure;
  }

  seal(purpose: string, text: string): string {
    return seal(this.#open(), purpose, text);
  }

  /** Null when it was sealed with another key, for another purpose, or was changed. */
  unseal(purpose: string, sealed: string): string | null {
    return unseal(this.#open(), purpose, sealed);
  }

  #open(): Uint8Array {
    if (!this.#key) throw new Unavailable(this.#failure ?? 'the vault is shut');
    return this.#key;
  }
}
