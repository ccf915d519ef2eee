import { createHash } from 'node:crypto';

/** Whose registry token it is. Only digests are kept: they are looked up, which tells a guesser's clock nothing. */

export interface Bearer {
  readonly organ: string;
  readonly instance: string;
}

export class Tokens {
  readonly #bearers = new Map<string, Bearer>();
  readonly #latest = new Map<string, string>();

  /** A new life has a new token; the one before it ends. */
  issue(token: string, bearer: Bearer): void {
    const before = this.#latest.get(bearer.instance);
    if (before) this.#bearers.delete(before);
    const digest = digestOf(token);
    this.#latest.set(bearer.instance, digest);
    this.#bearers.set(digest, bearer);
  }

  bearerOf(token: string): Bearer | null {
    return this.#bearers.get(digestOf(token)) ?? null;
  }

  /** What a next supervisor needs so that running instances can go on talking to the registry. */
  save(): Record<string, string> {
    return Object.fromEntries(this.#latest);
  }

  restore(instance: Bearer, digest: string): void {
    this.#latest.set(instance.instance, digest);
    this.#bearers.set(digest, instance);
  }
}

const digestOf = (token: string): string => createHash('sha256').update(token).digest('hex');
