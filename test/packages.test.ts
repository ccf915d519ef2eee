import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

/** What is taken from others is pinned, and explained in the page on packages. */

const root = resolve(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** package → licence, as the page's tables have it. */
const explained = new Map(
  read('docs/decisions/2026-11-23-packages.md')
    .split('\n')
    .flatMap((line) => {
      const [, names = '', licence = ''] = line.split('|').map((cell) => cell.trim());
      return [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => [name!, licence] as const);
    }),
);

const packages = ['package.json', 'organs/package.json'].flatMap((path) => {
  const manifest = JSON.parse(read(path)) as Record<string, Record<string, string> | undefined>;
  return ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
    Object.entries(manifest[kind] ?? {}).map(([name, version]) => ({ path, name, version })),
  );
});

describe.each(packages)('$name in $path', ({ name, version }) => {
  test('has an exact version', () => expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/));

  test('is explained, with its licence', () => {
    expect(explained.keys()).toContain(name);
    const manifest = join(root, 'node_modules', name, 'package.json');
    if (!existsSync(manifest)) return; // it is for another kind of machine
    const { license } = JSON.parse(readFileSync(manifest, 'utf8')) as { license: string };
    expect(explained.get(name)).toBe(license.replace(/ OR /g, ' or '));
  });
});

test('nothing is explained that is not there', () => {
  const names = new Set(packages.map(({ name }) => name));
  expect([...explained.keys()].filter((name) => !names.has(name))).toEqual([]);
});
