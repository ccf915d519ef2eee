import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeKeys } from '../../../src/cli/top/keys.ts';

test.each([
  ['q', ['q']],
  ['\x03', ['ctrl-c']],
  ['\x1a', ['ctrl-z']],
  ['\r', ['enter']],
  ['\t', ['tab']],
  ['\x1b', ['escape']],
  ['\x7f', ['backspace']],
  ['\x1b[A', ['up']],
  ['\x1bOA', ['up']],
  ['\x1b[1;5B', ['down']],
  ['\x1b[5~', ['pageup']],
  ['\x1b[6;2~', ['pagedown']],
  ['\x1b[H\x1b[4~', ['home', 'end']],
  ['jj\x1b[Bé日', ['j', 'j', 'down', 'é', '日']],
  // Keys, reports and mouse events that mean nothing here.
  ['\x1b[15~', []],
  ['\x1b[I', []],
  ['\x1bx', []],
  ['\x02', []],
])('%j is %j', (sent, keys) => {
  expect(decodeKeys(sent)).toEqual(keys);
});

/** Every code point, controls and halves of pairs more often. */
const anything = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 0, max: 0x10ffff })))
  .map((codes) => String.fromCodePoint(...codes));

test('whatever is sent, keys are names or printable characters', () => {
  fc.assert(
    fc.property(anything, (sent) => {
      for (const key of decodeKeys(sent)) expect(key).toMatch(/^(?:[a-z-]{2,}|[^\0-\x1f\x7f-\x9f])$/u);
    }),
  );
});
