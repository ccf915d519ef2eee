import { crypto } from '../adapters/crypto.ts';
import { TOKEN_PREFIX } from '../core/config/redact.ts';

/**
 * Whose registry token it is. Tokens follow from the boot's secret, so that a next supervisor knows those of what runs without
 * anything having been written down at each start. They are looked up by digest, which tells a guesser's clock nothing.
 */

export interface Bearer {
  readonly organ: string;
  readonly instance: string;
}

export class Tokens {
  #secret: string | null = null;
  readonly #bearers = new Map<string, Bearer>();
  readonly #latest = new Map<string, string>();

  /** Goes into the boot document, which is private to this user, and nowhere else. */
  get secret(): string {
    this.#secret ??= crypto().randomBytes(32).toString('base64url');
    return this.#secret;
  }
  set secret(secret: string) {
    this.#secret = secret;
  }

  /** The token of one life of an instance; the one of the life before ends. */
  issue(bearer: Bearer, generation: number): string {
    const key = crypto()
      .createHmac('sha256', this.secret)
      .update(`${bearer.instance}#${generation}`)
      .digest('base64url');
    const token = `${TOKEN_PREFIX}${key.slice(0, 32)}`;
    const before = this.#latest.get(bearer.instance);
    if (before) this.#bearers.delete(before);
    const digest = digestOf(token);
    this.#latest.set(bearer.instance, digest);
    this.#bearers.set(digest, bearer);
    return token;
  }

  bearerOf(token: string): Bearer | null {
    return this.#bearers.get(digestOf(token)) ?? null;
  }
}

const digestOf = (token: string): string => crypto().hash('sha256', token);
