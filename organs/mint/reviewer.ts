import type { JSONWebKeySet } from 'jose';
import * as z from 'zod';
import { type Client, Forbidden, messageOf, Unauthorized } from '../kit/index.ts';

const KeySet = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })) });
const Claims = z.looseObject({ sub: z.string().min(1), roles: z.array(z.string()) });

/** As aegis issues them. */
const TOKEN = { issuer: 'aegis', audience: 'azora-os', algorithms: ['EdDSA'] };
/** Of aegis' roles, the one that may decide about a suspicious transfer. */
const ROLE = 'admin';

/** The subject of a token that aegis issued to an admin. Throws Unauthorized, Forbidden, or Unavailable without aegis. */
export async function reviewerOf(authorization: string | undefined, client: Client): Promise<string> {
  const token = authorization?.match(/^Bearer (\S+)$/)?.[1];
  if (!token) throw new Unauthorized('a review needs a token from aegis: Authorization: Bearer …');
  const keys = await client.callJson('aegis', '/.well-known/jwks.json', KeySet);
  const { createLocalJWKSet, errors, jwtVerify } = await import('jose');
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys as JSONWebKeySet), TOKEN).catch((cause) => {
    if (!(cause instanceof errors.JOSEError)) throw cause;
    throw new Unauthorized(`the token is not valid: ${messageOf(cause)}`, { cause });
  });
  const claims = Claims.safeParse(payload);
  if (!claims.success) throw new Unauthorized('the token names no subject or no roles');
  if (!claims.data.roles.includes(ROLE)) throw new Forbidden(`a review needs the role ${ROLE}`);
  return claims.data.sub;
}
