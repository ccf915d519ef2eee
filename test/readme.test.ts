import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../src/cli/commands/index.ts';

/** README.md says what there is. */

const root = resolve(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

function section(title: string): string {
  const [, rest] = readme.split(`\n## ${title}\n`);
  if (rest === undefined) throw new Error(`README.md has no section "${title}"`);
  return rest.split('\n## ')[0]!;
}

/** What stands between backquotes, once each. */
const words = (text: string): string[] => [...new Set([...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word!))];

const rows = section('Commands')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, command = '', , flags = '']) => ({
    names: words(command).map((word) => word.split(' ')[0]!),
    flags: words(flags).map((word) => word.split(' ')[0]!),
  }));

test('the table of commands has all of them, in the order of --help', () => {
  expect(rows.map(({ names }) => names)).toEqual(COMMANDS.map(({ name, aliases }) => [name, ...aliases]));
});

describe.each(COMMANDS)('$name', ({ name, load }) => {
  test('has the flags that the table gives, and no others', async () => {
    const { command } = await load();
    const declared = new Command(name);
    command.declare(declared);
    const given = rows.find(({ names }) => names[0] === name)?.flags ?? [];
    const known = declared.options.map(({ short, long }) => ({ short, long }));
    expect(given.filter((flag) => !known.some(({ short, long }) => flag === short || flag === long))).toEqual([]);
    const missing = known.filter(({ short, long }) => !given.some((flag) => flag === short || flag === long));
    expect(missing).toEqual([]);
  });
});
