import * as z from 'zod';
import { Unauthorized } from '../kit/index.ts';
import type { KeyStore } from './key-store.ts';

const ISSUER = 'aegis';
const AUDIENCE = 'azora-os';

const Claims = z.object({
  sub: z.string(),
  username: z.string(),
  roles: z.array(z.string()),
  iat: z.number(),
  exp: z.number(),
  jti: z.string(),
});
export type Claims = z.output<typeof Claims>;

/** Not a token of ours at all, as against one that has merely expired: only this is a sign of an attack. */
export class ForgedToken extends Unauthorized {}

/** Issues and verifies JSON Web Tokens (EdDSA); jose is loaded with the first of them. */
export class Tokens {
  readonly #keys: KeyStore;
  readonly #lifeMs: number;
  readonly #now: () => number;

  constructor(keys: KeyStore, lifeMs: number, now: () => number) {
    this.#keys = keys;
    this.#lifeMs = lifeMs;
    this.#now = now;
  }

  async issue(subject: { id: string; username: string; roles: readonly string[] }) {
    const { SignJWT } = await import('jose');
    const { kid, privateKey } = this.#keys.signing();
    const issuedAt = Math.floor(this.#now() / 1000);
    const expiresAt = issuedAt + Math.floor(this.#lifeMs / 1000);
    const token = await new SignJWT({ username: subject.username, roles: [...subject.roles] })
      .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'JWT' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(subject.id)
      .setJti(crypto.randomUUID())
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(privateKey);
    return { token, expiresAt: new Date(expiresAt * 1000).toISOString() };
  }

  /** The claims of a valid token. Throws Unauthorized when it has expired, ForgedToken when it was never one of ours. */
  async verify(token: string): Promise<Claims> {
    const { errors, jwtVerify } = await import('jose');
    const keyFor = ({ kid }: { kid?: string | undefined }) => {
      const key = this.#keys.verifying(kid);
      if (!key) throw new ForgedToken('the token is signed with a key that is not known');
      return key;
    };
    try {
      const options = { issuer: ISSUER, audience: AUDIENCE, algorithms: ['EdDSA'], currentDate: new Date(this.#now()) };
      return Claims.parse((await jwtVerify(token, keyFor, options)).payload);
    } catch (cause) {
      if (cause instanceof errors.JWTExpired) throw new Unauthorized('the token has expired', { cause });
      if (cause instanceof errors.JOSEError || cause instanceof z.ZodError) {
        throw new ForgedToken(
          `the token is not valid: ${cause instanceof errors.JOSEError ? cause.message : 'claims are missing'}`,
          { cause },
        );
      }
      throw cause;
    }
  }
}
