import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { instanceTokens } from '../../../src/adapters/registry/tokens.ts';

const secret = randomBytes(32);
const tokens = instanceTokens(secret);
const mint = { organ: 'mint', instance: 'mint-1' };
const token = tokens.issue(mint);

test('a token speaks for its instance, also for the next supervisor', () => {
  expect(tokens.verify(token)).toEqual(mint);
  expect(instanceTokens(Buffer.from(secret)).verify(token)).toEqual(mint);
});

const signature = token.slice('mint.mint-1.'.length);
test.each([
  ['nothing', ''],
  ['another secret', instanceTokens(randomBytes(32)).issue(mint)],
  ['another instance’s signature', `mint.mint-2.${signature}`],
  ['another organ’s signature', `aegis.mint-1.${signature}`],
  ['half of it', token.slice(0, -1)],
  ['more of it', `${token}x`],
  ['a changed letter', token.slice(0, 20) + (token[20] === 'A' ? 'B' : 'A') + token.slice(21)],
  ['a shifted name', `mint.mint.-1.${signature}`],
  ['no signature', 'mint.mint-1.'],
  ['a megabyte', 'a'.repeat(1_000_000)],
  ['control characters', `mint.mint-1.${signature}\n`],
])('%s is no token', (_, wrong) => {
  expect(tokens.verify(wrong)).toBeNull();
});

test('a short secret is a bug', () => {
  expect(() => instanceTokens(Buffer.alloc(8))).toThrow(RangeError);
});
