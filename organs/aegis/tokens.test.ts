import { type JWTPayload, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../kit/testing.ts';
import { KeyStore } from './key-store.ts';
import { ForgedToken, Tokens } from './tokens.ts';
import { Vault } from './vault.ts';

const LIFE_MS = 60_000;

function fixture() {
  const folder = temporaryFolder();
  const keys = new KeyStore(folder, new Vault(folder, true), LIFE_MS, Date.now);
  return { keys, tokens: new Tokens(keys, LIFE_MS, Date.now) };
}

const subject = { id: 'id-1', username: 'thandi', roles: ['user'] };

test('a token says who its subject is, and until when', async () => {
  const { tokens } = fixture();
  const { token, expiresAt } = await tokens.issue(subject);
  const claims = await tokens.verify(token);
  expect(claims).toMatchObject({ sub: 'id-1', username: 'thandi', roles: ['user'] });
  expect(new Date(claims.exp * 1000).toISOString()).toBe(expiresAt);
  expect(claims.exp - claims.iat).toBe(LIFE_MS / 1000);
});

describe('a token signed with our own key', () => {
  const good = { iss: 'aegis', aud: 'azora-os', sub: 'id-1', username: 'thandi', roles: ['user'], jti: 'j' };
  const times = { iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 60 };
  const verified = async (claims: JWTPayload) => {
    const { keys, tokens } = fixture();
    const { kid, privateKey } = keys.signing();
    return tokens.verify(await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid }).sign(privateKey));
  };

  test('is accepted when all its claims are right', async () => {
    expect((await verified({ ...good, ...times })).sub).toBe('id-1');
  });

  test.each<[string, JWTPayload]>([
    ['another audience', { ...good, ...times, aud: 'elsewhere' }],
    ['another issuer', { ...good, ...times, iss: 'elsewhere' }],
    ['no expiry', { ...good, iat: times.iat }],
  ])('is refused with %s', async (_, claims) => {
    await expect(verified(claims)).rejects.toThrow(ForgedToken);
  });
});

test('a token of another aegis is refused', async () => {
  const { token } = await fixture().tokens.issue(subject);
  await expect(fixture().tokens.verify(token)).rejects.toThrow('a key that is not known');
});
