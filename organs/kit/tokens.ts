import type { JWTVerifyGetKey } from 'jose';
import * as z from 'zod';
import type { Client } from './client.ts';
import { messageOf, OrganError, Unauthorized, Unavailable } from './errors.ts';

const Claims = z.object({ sub: z.string().min(1), username: z.string(), roles: z.array(z.string()), exp: z.number() });
const KeySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/** As aegis issues them. */
const TOKEN = { issuer: 'aegis', audience: 'azora-os', algorithms: ['EdDSA'] };

export interface Principal {
  readonly subject: string;
  readonly username: string;
  readonly roles: readonly string[];
  /** Epoch seconds. */
  readonly expiresAt: number;
}

export interface TokenVerifierOptions {
  /** How long aegis' keys are believed; default 10 min. */
  readonly maxAgeMs?: number;
  /** A key that is not known makes the keys be fetched again, but not more often than this; default 500 ms. */
  readonly cooldownMs?: number;
}

/** Never one of aegis' tokens, as against one that has merely expired: only this is a sign of an attack. */
export class ForgedToken extends Unauthorized {}

/** Verifies aegis' tokens here, by its published keys. What aegis withdrew since (a changed password) only aegis knows. */
export class TokenVerifier {
  readonly #client: Client;
  readonly #options: TokenVerifierOptions;
  #keys: Promise<JWTVerifyGetKey> | undefined;

  constructor(client: Client, options: TokenVerifierOptions = {}) {
    this.#client = client;
    this.#options = options;
  }

  /** Throws Unauthorized when the token has expired, ForgedToken when it is none of aegis', Unavailable when aegis' keys cannot be had. */
  async verify(token: string): Promise<Principal> {
    const { errors, jwtVerify } = await import('jose');
    this.#keys ??= this.#remoteKeys();
    try {
      const { sub, username, roles, exp } = Claims.parse((await jwtVerify(token, await this.#keys, TOKEN)).payload);
      return { subject: sub, username, roles, expiresAt: exp };
    } catch (cause) {
      if (cause instanceof errors.JWTExpired) throw new Unauthorized('the token has expired', { cause });
      if (cause instanceof z.ZodError) throw new ForgedToken('the token is not valid: claims are missing', { cause });
      if (cause instanceof errors.JOSEError) {
        throw new ForgedToken(`the token is not valid: ${cause.message}`, { cause });
      }
      throw cause;
    }
  }

  async #remoteKeys(): Promise<JWTVerifyGetKey> {
    const { createRemoteJWKSet, customFetch } = await import('jose');
    const { maxAgeMs = 600_000, cooldownMs = 500 } = this.#options;
    return createRemoteJWKSet(new URL('http://aegis/.well-known/jwks.json'), {
      cacheMaxAge: maxAgeMs,
      cooldownDuration: cooldownMs,
      [customFetch]: async () => {
        try {
          return Response.json(await this.#client.callJson('aegis', '/.well-known/jwks.json', KeySet));
        } catch (cause) {
          if (!(cause instanceof OrganError)) throw cause;
          throw new Unavailable(`tokens cannot be verified now: ${messageOf(cause)}`, { cause });
        }
      },
    });
  }
}

/** The token of an `Authorization: Bearer …` header. */
export function bearerToken(authorization: string | undefined): string | null {
  return /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1] ?? null;
}
