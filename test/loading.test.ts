import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

/**
 * What is loaded at once, before anything is asked: `status` should be about as fast as Node itself, and the supervisor works
 * without ever reading YAML. What is imported by `import()` comes when it is needed, and does not count.
 */

const src = resolve(import.meta.dirname, '../src');
const IMPORT = /^(?:import|export)\s+(?!type\b)(?:[^'";]*?\sfrom\s+)?'([^']+)';/gm;

/** The packages that a file and everything it imports bring in. */
function packagesOf(entry: string): string[] {
  const files = new Set<string>();
  const packages = new Set<string>();
  const open = [join(src, entry)];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const [, from = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      if (from.startsWith('.')) open.push(resolve(dirname(file), from));
      else if (!from.startsWith('node:')) packages.add(from);
    }
  }
  return [...packages].toSorted();
}

describe('loaded at once', () => {
  test.each([
    ['the supervisor', 'supervisor/main.ts', ['better-sqlite3']],
    ['the keeper', 'keeper/main.ts', []],
    ['the command line', 'cli/process.ts', ['chalk', 'commander']],
    ['azora status', 'cli/commands/status.ts', ['commander']],
    ['azora logs', 'cli/commands/logs.ts', ['commander']],
    ['azora down', 'cli/commands/down.ts', ['commander']],
    ['azora start', 'cli/commands/start.ts', ['commander']],
    ['azora up', 'cli/commands/up.ts', ['commander']],
  ] as const)('%s', (_, entry, allowed) => {
    expect(packagesOf(entry)).toEqual(allowed);
  });

  test('a file that loads more is found out', () => {
    expect(packagesOf('cli/commands/config.ts')).toEqual(expect.arrayContaining(['yaml', 'zod']));
  });
});
