import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cut, cutStyled, harmless, pad, splitAt, widthOf, wrap } from '../../../src/cli/render/width.ts';

/** Every code point, controls and halves of pairs more often. */
const anything = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 0, max: 0x10ffff })))
  .map((codes) => String.fromCodePoint(...codes));

describe('harmless', () => {
  test.each([
    ['plain', 'plain'],
    ['\x1b[31mred\x1b[0m', 'red'],
    ['\x1b[2J\x1b[10;10Hgone\x1b]0;title\x07', 'gone'],
    ['a\tb', 'a       b'],
    ['日\tb', '日      b'],
    ['over\rwritten', 'over␍written'],
    ['line\r\n', 'line'],
    ['\u202eevil\u2066', 'evil'],
    ['zero\u200bwidth\u2028', 'zerowidth'],
    ['👩\u200d👩\u200d👧', '👩👩👧'],
    ['❤\ufe0f', '❤'],
    ['half \ud800', 'half \ufffd'],
  ])('%j is shown as %j', (text, shown) => {
    expect(harmless(text)).toBe(shown);
  });

  test('nothing is left that a terminal acts on', () => {
    fc.assert(
      fc.property(anything, (text) => {
        expect(harmless(text)).toMatch(/^[^\0-\x1f\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}\p{Cs}]*$/u);
      }),
    );
  });
});

test.each([
  ['', 0],
  ['abc', 3],
  ['é', 1],
  ['e\u0301', 1],
  ['日本', 4],
  ['▁▂…', 3],
  ['🙂', 2],
  ['ｱ', 1],
])('%j is %i columns wide', (text, width) => {
  expect(widthOf(text)).toBe(width);
});

test.each([
  ['mint', 4, 'mint'],
  ['mints', 4, 'min…'],
  ['日本語', 5, '日本…'],
  ['日本語', 4, '日…'],
  ['mint', 1, '…'],
  ['mint', 0, ''],
])('%j in %i columns is %j', (text, columns, shown) => {
  expect(cut(text, columns)).toBe(shown);
});

test.each([
  ['\x1b[1mmint\x1b[22m is \x1b[32mready\x1b[39m', 20, '\x1b[1mmint\x1b[22m is \x1b[32mready\x1b[39m'],
  ['\x1b[1mmint\x1b[22m is \x1b[32mready\x1b[39m', 10, '\x1b[1mmint\x1b[22m is \x1b[32mr\x1b[39m…'],
  ['\x1b[1m日本\x1b[22m', 3, '\x1b[1m日\x1b[22m…'],
])('%j in %i columns is %j', (text, columns, shown) => {
  expect(cutStyled(text, columns)).toBe(shown);
});

const text = fc.string({ unit: fc.constantFrom('a', ' ', 'é', '日', '🙂', '\u0301', '…') });
const columns = fc.integer({ min: 1, max: 12 });

describe('whatever the text', () => {
  test('what is cut fits, what is padded fills', () => {
    fc.assert(
      fc.property(text, columns, (text, columns) => {
        expect(widthOf(cut(text, columns))).toBeLessThanOrEqual(columns);
        expect(widthOf(pad(text, columns))).toBe(columns);
        expect(widthOf(pad(text, columns, 'right'))).toBe(columns);
      }),
    );
  });

  test('rows fit and hold all of it, but for what is wider than a row', () => {
    fc.assert(
      fc.property(text, columns, (text, columns) => {
        const rows = wrap(text, columns);
        for (const row of rows) expect(widthOf(row)).toBeLessThanOrEqual(columns);
        const kept = columns === 1 ? text.replace(/[日🙂]/gu, '') : text;
        expect(rows.join('')).toBe(kept);
        const [head, rest] = splitAt(text, columns);
        expect(head + rest).toBe(text);
      }),
    );
  });
});
