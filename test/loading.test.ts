import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

/**
 * What is loaded at once, before anything is asked: `status` should be about as fast as Node itself, and the supervisor works
 * without ever reading YAML. What is imported by `import()` comes when it is needed, and does not count.
 */

const src = resolve(import.meta.dirname, '../src');
const IMPORT = /^(?:import|export)\s+(?!type\b)(?:[^'";]*?\sfrom\s+)?'([^']+)';/gm;

/** The packages and Node's own modules that a file and everything it imports bring in. */
function loadedBy(entry: string): { readonly packages: readonly string[]; readonly builtins: readonly string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const builtins = new Set<string>();
  const open = [join(src, entry)];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const [, from = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      if (from.startsWith('.')) open.push(resolve(dirname(file), from));
      else (from.startsWith('node:') ? builtins : packages).add(from);
    }
  }
  return { packages: [...packages].toSorted(), builtins: [...builtins].toSorted() };
}

const packagesOf = (entry: string): readonly string[] => loadedBy(entry).packages;

describe('loaded at once', () => {
  test.each([
    ['the supervisor', 'supervisor/main.ts', ['better-sqlite3']],
    ['the keeper', 'keeper/main.ts', []],
    ['a plain `azora status`', 'cli/process.ts', ['chalk']],
    ['what asks for it meanwhile', 'cli/ask-ahead.ts', []],
    ['any other command line', 'cli/program.ts', ['commander']],
    ['azora status', 'cli/commands/status.ts', ['commander']],
    ['azora logs', 'cli/commands/logs.ts', ['commander']],
    ['azora down', 'cli/commands/down.ts', ['commander']],
    ['azora events', 'cli/commands/events.ts', ['commander']],
    ['azora why', 'cli/commands/why.ts', []],
    ['azora start', 'cli/commands/start.ts', ['commander']],
    ['azora up', 'cli/commands/up.ts', ['commander']],
    ['names for completion', 'cli/completion/names.ts', []],
  ] as const)('%s', (_, entry, allowed) => {
    expect(packagesOf(entry)).toEqual(allowed);
  });

  // Each of these takes as long to load as a tenth of Node or more.
  const slow = ['child_process', 'crypto', 'dgram', 'http', 'https', 'sqlite', 'tls', 'worker_threads', 'zlib'];

  test.each([
    'process.ts',
    'program.ts',
    ...['status', 'logs', 'events', 'down', 'why'].map((name) => `commands/${name}.ts`),
  ])('cli/%s: nothing of Node that takes long', (entry) => {
    const { builtins } = loadedBy(join('cli', entry));
    expect(slow.filter((name) => builtins.includes(`node:${name}`))).toEqual([]);
  });

  // A boot waits for them.
  test.each(['keeper/main.ts', 'keeper/keeper.ts', 'supervisor/main.ts'])(
    '%s: nothing of Node that takes long',
    (entry) => {
      const { builtins } = loadedBy(entry);
      expect([...slow, 'fs/promises', 'cluster'].filter((name) => builtins.includes(`node:${name}`))).toEqual([]);
    },
  );

  test('up has its daemons started before it loads what talks to them', () => {
    expect(loadedBy('cli/head-start.ts').builtins).not.toContain('node:net');
  });

  test('a file that loads more is found out', () => {
    expect(packagesOf('core/config/schema.ts')).toContain('zod/mini');
    expect(loadedBy('adapters/probes/http.ts').builtins).toContain('node:http');
  });
});
