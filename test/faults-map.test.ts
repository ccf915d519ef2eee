import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** test/faults.md is a promise: each fault of the catalogue has a row, and each test that a row names exists. */

const LAST = 33;
const text = readFileSync(join(import.meta.dirname, 'faults.md'), 'utf8');

interface Named {
  readonly fault: string;
  readonly path: string;
  readonly titles: readonly string[];
}

const rows = [...text.matchAll(/^\| (\d+) \| (.+?) \| (.+) \|$/gm)].map(([, number, fault, tests]) => ({
  number: Number(number),
  fault: `${number} ${fault}`,
  tests: tests!,
}));

const named: Named[] = rows.flatMap(({ fault, tests }) =>
  tests.split('; `').map((part) => {
    const [path = '', after = ''] = part.replace(/^`/, '').split('`: ');
    return { fault, path, titles: [...after.matchAll(/"([^"]+)"/g)].map(([, title]) => title!) };
  }),
);

/** Whatever stands between quotes in a file: titles, names of cases, and texts that are neither, but no comment and no code. */
function literalsOf(path: string): string {
  const source = readFileSync(path, 'utf8').replace(/^\s*(\/\/|\/?\*).*$/gm, '');
  const literals = source.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g);
  return [...literals].map(([, a, b, c]) => (a ?? b ?? c ?? '').replace(/\\(['"`])/g, '$1')).join('\n');
}

test('every fault has a row', () => {
  const numbers = new Set(rows.map(({ number }) => number));
  expect([...numbers]).toEqual(Array.from({ length: LAST }, (_, at) => at + 1));
});

test.each(named)('$fault: $path is there, with the tests that are named', ({ path, titles }) => {
  const file = join(import.meta.dirname, path);
  expect(existsSync(file), `test/${path}`).toBe(true);
  expect(titles, 'titles in quotes').not.toEqual([]);
  const literals = literalsOf(file);
  expect(titles.filter((title) => !literals.includes(title))).toEqual([]);
});

test('every file of test/faults is named', () => {
  const files = readdirSync(join(import.meta.dirname, 'faults')).filter((name) => name.endsWith('.test.ts'));
  const paths = new Set(named.map(({ path }) => path));
  expect(files.filter((name) => !paths.has(`faults/${name}`))).toEqual([]);
});
