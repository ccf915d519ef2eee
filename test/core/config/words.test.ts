import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cronProblem } from '../../../src/core/config/cron.ts';
import { MASK, secretMasker, secretMatcher } from '../../../src/core/config/redact.ts';
import { parseSignal } from '../../../src/core/config/signals.ts';
import { editDistance, suggest } from '../../../src/core/config/suggest.ts';

describe('did you mean', () => {
  const keys = ['command', 'cwd', 'env', 'env_file', 'depends_on', 'restart', 'health'];
  it.each([
    ['comand', 'command'],
    ['Command', 'command'],
    ['comamnd', 'command'],
    ['dependson', 'depends_on'],
    ['helth', 'health'],
    ['env', 'env'],
    ['zzz', null],
    ['x', null],
  ])('%s: %s', (word, expected) => expect(suggest(word, keys)).toBe(expected));

  it('measures like a distance', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe('a schedule', () => {
  it.each([
    '*/5 * * * *',
    '0 0 1 1 *',
    '30 */2 * * mon-fri',
    '0,15,30 8-18/2 * jan,jul 7',
    '*/10 * * * * *',
    '59 59 23 31 12 0',
  ])('%s is one', (text) => expect(cronProblem(text)).toBeNull());
  it.each([
    ['', /five fields/],
    ['* * * *', /five fields.*has 4/],
    ['60 * * * *', /"60" is not a minute/],
    ['* 24 * * *', /hour/],
    ['* * 0 * *', /day of month/],
    ['* * * 13 *', /month/],
    ['* * * * 8', /day of week/],
    ['5-1 * * * *', /backwards/],
    ['*/0 * * * *', /minute/],
    ['1-2-3 * * * *', /minute/],
    ['a * * * *', /minute/],
    [', * * * *', /minute/],
  ])('%j is none', (text, message) => expect(cronProblem(text)).toMatch(message));
});

describe('a signal', () => {
  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['int', 'SIGINT'],
    ['Quit', 'SIGQUIT'],
    ['SIGSTOP', null],
    ['9', null],
  ])('%s: %s', (text, expected) => expect(parseSignal(text)).toBe(expected));
});

describe('secrets', () => {
  it('are found by their name, in any case', () => {
    const isSecret = secretMatcher(['*_TOKEN', '*PASSWORD*', 'A.C']);
    expect(['API_TOKEN', 'api_token', 'MY_PASSWORD_FILE', 'A.C'].map(isSecret)).toEqual([true, true, true, true]);
    expect(['TOKEN_API', 'PASS', 'ABC', ''].map(isSecret)).toEqual([false, false, false, false]);
    expect(secretMatcher([])('API_TOKEN')).toBe(false);
  });

  it('never survive masking', () => {
    const secret = fc.string({ minLength: 4, maxLength: 12 }).filter((text) => !text.includes('*'));
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 4 }),
        fc.array(fc.string({ maxLength: 5 }), { maxLength: 5 }),
        (secrets, words) => {
          const masked = secretMasker(secrets)([...words, ...secrets, ...words].join(' '));
          const rest = masked.split(MASK);
          for (const each of secrets) expect(rest.some((part) => part.includes(each))).toBe(false);
        },
      ),
    );
  });

  it('shorter than four characters are no secrets inside other texts', () => {
    expect(secretMasker(['1', 'yes'])('listen 127.0.0.1 yes')).toBe('listen 127.0.0.1 yes');
  });
});
