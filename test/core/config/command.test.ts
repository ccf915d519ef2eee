import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommand, quoteWord } from '../../../src/core/config/command.ts';
import { referenceMark } from '../../../src/core/config/references.ts';

describe('a command', () => {
  it.each([
    ['node server.js', ['node', 'server.js']],
    ['  node\tserver.js  ', ['node', 'server.js']],
    [`node "my server.js" 'a b' c\\ d ""`, ['node', 'my server.js', 'a b', 'c d', '']],
    [`node a"b"'c'd`, ['node', 'abcd']],
    [`node "say \\"hi\\" \\n"`, ['node', 'say "hi" \\n']],
    ['node --env=x=y a#b a=b 50% x:y', ['node', '--env=x=y', 'a#b', 'a=b', '50%', 'x:y']],
    [`'echo' quoted`, ['echo', 'quoted']],
  ])('%s runs without a shell', (text, argv) => {
    expect(parseCommand(text)).toMatchObject({ shell: false, argv });
  });

  it.each([
    'a | b',
    'a && b',
    'a; b',
    'a > file',
    'echo $HOME',
    'node "$HOME"',
    'node `date`',
    'node *.ts',
    'ls ~/x',
    'a # note',
    'X=1 node a',
    'cd /tmp',
    'exec node a',
    'exit 3',
    '. ./env',
    '[ -f x ]',
    'a\nb',
    'node {a,b}',
    'if true',
    'a \\',
  ])('%j needs the shell', (text) => {
    expect(parseCommand(text)).toEqual({ shell: true, argv: ['/bin/sh', '-c', text], text });
  });

  it.each(['', '  ', [], ['']].map((written) => [written]))('%j is empty', (written) => {
    expect(parseCommand(written)).toEqual({ error: 'the command is empty' });
  });

  it.each([`node 'a`, `node "a`, `node "a\\"`])('%s has an open quote', (text) => {
    expect(parseCommand(text)).toEqual({ error: 'the command has a quote without its partner' });
  });

  it('takes a list as it is', () => {
    expect(parseCommand(['node', 'a b', '$HOME', '*'])).toEqual({
      shell: false,
      argv: ['node', 'a b', '$HOME', '*'],
      text: "node 'a b' '$HOME' '*'",
    });
  });

  it('keeps a reference in the arguments, and shows it as it was written', () => {
    const mark = referenceMark('mint', 'url');
    expect(parseCommand(`node a --peer=${mark}`)).toEqual({
      shell: false,
      argv: ['node', 'a', `--peer=${mark}`],
      text: 'node a --peer=${organs.mint.url}',
    });
  });

  it('splits and unquotes words as sh does, whenever it runs without one', () => {
    const piece = fc.constantFrom(
      'a',
      'b ',
      ' ',
      "'",
      '"',
      '\\',
      "'x y'",
      '"x y"',
      '=',
      '#',
      '-',
      '%',
      '\t',
      '~',
      '!',
      ':',
      ',',
      '^',
      'é',
    );
    const texts = fc.sample(
      fc.array(piece, { minLength: 1, maxLength: 12 }).map((pieces) => pieces.join('')),
      { numRuns: 600, seed: 7 },
    );
    const cases = texts.flatMap((text) => {
      const result = parseCommand(`prog ${text}`);
      return 'argv' in result && !result.shell ? [{ text, words: result.argv.slice(1) }] : [];
    });
    expect(cases.length).toBeGreaterThan(100);
    // One shell for all of them: each case prints its words, each ended by a unit separator, and a record separator.
    const script = cases.map(({ text }) => `show ${text}\nprintf '\\036'`).join('\n');
    const shown = execFileSync(
      '/bin/sh',
      ['-c', `show() { for word; do printf '%s\\037' "$word"; done; }\n${script}`],
      { encoding: 'utf8' },
    );
    expect(shown.split('\u001e').slice(0, -1)).toEqual(
      cases.map(({ words }) => words.map((word) => `${word}\u001f`).join('')),
    );
  });

  it('quotes words so that they are read back', () => {
    const word = fc.string({ minLength: 1 }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        const again = parseCommand(`prog ${words.map(quoteWord).join(' ')}`);
        return 'argv' in again && JSON.stringify(again.argv.slice(1)) === JSON.stringify(words);
      }),
    );
  });
});
