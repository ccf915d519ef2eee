import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../../core/registry.ts';

export interface InstanceTokens {
  /** The token that this instance and no other may use. The same every time. */
  issue(caller: Caller): string;
  /** Whom the token speaks for; null when it is none of ours. Takes as long for a near miss as for a wild guess. */
  verify(token: string): Caller | null;
}

const SHAPE = /^([a-z][a-z0-9-]{0,62})\.([a-z0-9-]{1,80})\.([A-Za-z0-9_-]{43})$/;

/**
 * Tokens that need no table: a name and its signature, so those handed out before a change of supervisor stay good as long as
 * the secret is kept. @param secret at least 32 random bytes.
 */
export function instanceTokens(secret: Buffer): InstanceTokens {
  if (secret.length < 32) throw new RangeError(`a secret of ${secret.length} bytes is too short, 32 are needed`);
  const sign = (organ: string, instance: string) =>
    createHmac('sha256', secret).update(`${organ}.${instance}`).digest();
  return {
    issue: ({ organ, instance }) => `${organ}.${instance}.${sign(organ, instance).toString('base64url')}`,
    verify(token) {
      const match = SHAPE.exec(token);
      if (!match) return null;
      const [, organ, instance, signature] = match as unknown as [string, string, string, string];
      const given = Buffer.from(signature, 'base64url');
      return timingSafeEqual(given, sign(organ, instance)) ? { organ, instance } : null;
    },
  };
}
