import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { Forbidden, Unauthorized } from '../kit/index.ts';
import { ADMIN, type Identities, type Identity } from './identities.ts';
import { ForgedToken, type Tokens } from './tokens.ts';
import type { Vigil } from './vigil.ts';

export interface Caller {
  readonly identity: Identity;
  /** When the caller's token expires, epoch seconds. */
  readonly expires: number;
}

/** Who is calling: by address and by token. What is wrong with either is recorded with the vigil. */
export class Callers {
  readonly #tokens: Tokens;
  readonly #identities: Identities;
  readonly #vigil: Vigil;

  constructor(tokens: Tokens, identities: Identities, vigil: Vigil) {
    this.#tokens = tokens;
    this.#identities = identities;
    this.#vigil = vigil;
  }

  /** The identity behind a token as it is now. Throws Unauthorized when the token is expired, withdrawn or not ours. */
  async behind(token: string, address: string): Promise<Caller> {
    try {
      const { sub, iat, exp } = await this.#tokens.verify(token);
      const identity = this.#identities.behind(sub, iat * 1000);
      if (!identity) throw new Unauthorized('the token was withdrawn');
      return { identity, expires: exp };
    } catch (error) {
      if (error instanceof ForgedToken) {
        this.#vigil.record({ kind: 'token-forged', username: null, address, admin: false });
      }
      throw error;
    }
  }

  /** The caller by the request's bearer token. */
  async authenticate(c: Context): Promise<Caller> {
    const token = bearerOf(c);
    if (!token) throw new Unauthorized('a token is needed: Authorization: Bearer …');
    return this.behind(token, addressOf(c));
  }

  /** The caller, who must have one of the roles; administrators may do everything. */
  async authorize(c: Context, ...roles: readonly string[]): Promise<Identity> {
    const { identity } = await this.authenticate(c);
    if ([ADMIN, ...roles].some((role) => identity.roles.includes(role))) return identity;
    const { username } = identity;
    this.#vigil.record({ kind: 'access-denied', username, address: addressOf(c), admin: false });
    throw new Forbidden(`${username} lacks the role ${[ADMIN, ...roles].join(' or ')}`);
  }
}

export function bearerOf(c: Context): string | null {
  return /^Bearer (\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? null;
}

/** The client's address. Behind the gateway, which connects from loopback, it is the last that the gateway noted. */
export function addressOf(c: Context): string {
  const peer = getConnInfo(c).remote.address ?? 'unknown';
  if (!/^(127\.|::1$|::ffff:127\.)/.test(peer)) return peer;
  return c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() || peer;
}
