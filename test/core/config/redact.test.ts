import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MASK, maskAll, outputMasker, secretsOf, TOKEN_PREFIX } from '../../../src/core/config/redact.ts';
import { organ, system } from '../machine/world.ts';

describe('what leaves azora', () => {
  test('the values are those of every organ, and of the caller, whose variable is named, each once', () => {
    const env = { API_TOKEN: 'one-secret', HOME: '/root', db_password: 'two-secret' };
    const callerEnv = { OTHER_TOKEN: 'three-secret', API_TOKEN: 'hidden below' };
    const redact = ['*_TOKEN', '*PASSWORD*'];
    const config = system([organ('a', { env }), organ('b', { env })], { redact, callerEnv });
    expect(secretsOf(config).toSorted()).toEqual(['hidden below', 'one-secret', 'three-secret', 'two-secret']);
    expect(secretsOf({ ...config, redact: [] })).toEqual([]);
  });

  test('a value is found as it is, inside JSON, and line by line', () => {
    const pem = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\r\nhkiG9w0BAQEFAASC\n-----END KEY-----\n';
    const mask = outputMasker(['say "please"\\now', pem]);
    expect(mask('it is say "please"\\now.')).toBe(`it is ${MASK}.`);
    expect(mask(JSON.stringify({ password: 'say "please"\\now' }))).toBe(`{"password":"${MASK}"}`);
    expect(mask(JSON.stringify([pem]))).toBe(`["${MASK}"]`);
    expect(mask('key: MIIEvQIBADANBgkq')).toBe(`key: ${MASK}`);
    const quoted = outputMasker(['first line\nsecond "line" here']);
    expect(quoted(JSON.stringify(['second "line" here']))).toBe(`["${MASK}"]`);
  });

  test("azora's own tokens are known by their form", () => {
    const token = `${TOKEN_PREFIX}${'aB3_-'.repeat(6)}xy`;
    expect(outputMasker([])(`Bearer ${token}`)).toBe(`Bearer ${MASK}`);
    expect(outputMasker([])('azt_short')).toBe('azt_short');
  });

  test('no text inside a value is left with it; all else is as it was', () => {
    const secret = 'hunter2!';
    const mask = outputMasker([secret]);
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(fc.string()), (value, path) => {
        const hidden = path.reduceRight<unknown>((inner, key) => ({ [key]: inner, list: [inner] }), `a ${secret} b`);
        expect(JSON.stringify(maskAll({ value, hidden }, mask))).not.toContain(secret);
        if (!JSON.stringify(value).includes(secret)) expect(maskAll(value, mask)).toBe(value);
      }),
    );
  });
});
