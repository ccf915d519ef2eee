import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { compileFunction } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { Lexer, Parser } from 'yaml';
import { withPlainMethods } from '../scripts/plain-yaml.ts';
import { EVERY_KEY } from './adapters/config/example.ts';
import { random } from './faults/support.ts';

const { resolve } = createRequire(import.meta.url);
const pathOf = (name: string): string => join(dirname(resolve('yaml')), 'parse', `${name}.js`);

/** What the bundle has in the place of a file of the package. */
function plain(name: 'lexer' | 'parser', needed: (id: string) => unknown): Record<string, unknown> {
  const path = pathOf(name);
  const code = withPlainMethods(path, readFileSync(path, 'utf8'))!;
  const exports: Record<string, unknown> = {};
  compileFunction(code, ['exports', 'require'])(exports, needed);
  return exports;
}
const fromLexer = plain('lexer', createRequire(pathOf('lexer')));
const { Lexer: PlainLexer } = fromLexer as { Lexer: typeof Lexer };
const { Parser: PlainParser } = plain('parser', (id) =>
  id === './lexer.js' ? fromLexer : createRequire(pathOf('parser'))(id),
) as { Parser: typeof Parser };

function tokensOf(text: string, [OneLexer, OneParser]: readonly [typeof Lexer, typeof Parser]): string {
  const parser = new OneParser();
  const tokens = [...new OneLexer().lex(text)].flatMap((lexeme) => [...parser.next(lexeme)]);
  return JSON.stringify([...tokens, ...parser.end()]);
}

const BY_GENERATORS = [Lexer, Parser] as const;
const PLAIN = [PlainLexer, PlainParser] as const;

/** Of each construct of YAML that the lexer or the parser treats in its own way. */
const TEXTS = [
  '',
  '# nothing\n',
  EVERY_KEY,
  EVERY_KEY.replaceAll('\n', '\r\n'),
  readFileSync(new URL('../azora.yaml', import.meta.url), 'utf8'),
  '%YAML 1.2\n---\na: &x !!str 1\nb: *x\n...\n---\nsecond\n',
  '? complex\n: - 1\n  - - 2\n    -\n- wrong\n',
  "a: |2-\n   kept\n    more\n\nb: >+\n folded\n text\n\n\nc: \"double\n  \\n \\u0041\"\nd: 'single''s'\n",
  '{ a: 1, b, "c":2, ? d : e, [f]: g }\n',
  '[a, { b: c }, d: e, , ]\nf\n',
  'a:\n  - b\n c: d\n\te: f\n',
  '"open\n',
  "'open",
  '{ open: [1, 2\nx: }',
  '- @reserved\n- `x\n- %no\n- a: b: c\n- ]\n',
  '\uFEFF<<: { a: 1 }\nkey without value\n--- text\n',
];

describe('what the bundle has of yaml', () => {
  test('finds what the package finds', () => {
    for (const text of TEXTS) expect(tokensOf(text, PLAIN), text).toBe(tokensOf(text, BY_GENERATORS));
  });

  test('in texts too that somebody was in the midst of writing', () => {
    const next = random(20261124);
    const below = (count: number): number => Math.floor(next() * count);
    const pieces = [
      '\n',
      ' ',
      '  ',
      '\t',
      ':',
      '- ',
      '? ',
      '{',
      '}',
      '[',
      ']',
      ',',
      '#',
      '"',
      "'",
      '|',
      '>',
      '&a ',
      '*a',
      '!',
      '---\n',
      '...\n',
      '%',
    ];
    for (let i = 0; i < 1500; i++) {
      let text = TEXTS[2 + below(TEXTS.length - 2)]!;
      for (let edits = 1 + below(4); edits > 0; edits--) {
        const at = below(text.length + 1);
        text = text.slice(0, at) + pieces[below(pieces.length)] + text.slice(at + below(6));
      }
      expect(tokensOf(text, PLAIN), text).toBe(tokensOf(text, BY_GENERATORS));
    }
  });

  test('of another version than is known is not made', () => {
    const make = (code: string) => () => withPlainMethods('/x/yaml/dist/parse/lexer.js', code);
    expect(make('class Lexer { *lex() { yield* other(); } }')).toThrow(/generator of somebody else/);
    expect(make('class Lexer { *lex() { yield* this.more(); } }')).toThrow(/no generators of the name more/);
    expect(make('class Lexer { *lexemes() { yield 1; } }')).toThrow(/no generators of the name lex/);
    expect(make('class Lexer { *lex() { yield* this.lex(); } }')).toThrow(/"lex" is called from inside/);
    expect(withPlainMethods('/x/yaml/dist/compose/composer.js', 'class Composer {}')).toBeNull();
  });
});
