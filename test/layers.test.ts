import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** Imports point only downwards: cli, supervisor, keeper, adapters, core. The core knows nothing but itself. */

const SRC = fileURLToPath(new URL('../src', import.meta.url));
const ORGANS = fileURLToPath(new URL('../organs', import.meta.url));
const LAYERS = ['core', 'adapters', 'keeper', 'supervisor', 'cli'];
/** Pure computation that the core may use: the schema, and the flat order of the graph. */
const CORE_PACKAGES = ['zod/mini', 'toposort'];

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
    .map((path) => join(folder, path));
}

/** What a file imports, dynamically too, comments aside. */
function imports(file: string): string[] {
  const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  return [...code.matchAll(/(?:^|[^\w.])(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map((match) => match[1]!);
}

const layerOf = (file: string): number => LAYERS.indexOf(relative(SRC, file).split('/')[0]!);

describe('layers', () => {
  test.each(sources(SRC).map((file) => [relative(SRC, file), file] as const))('%s imports downwards', (_, file) => {
    const upwards = imports(file)
      .filter((target) => target.startsWith('.'))
      .map((target) => resolve(dirname(file), target))
      .filter((target) => target.startsWith(SRC) && layerOf(file) !== -1 && layerOf(target) > layerOf(file))
      .map((target) => relative(SRC, target));
    expect(upwards).toEqual([]);
  });

  test.each(sources(join(SRC, 'core')).map((file) => [relative(SRC, file), file] as const))('%s is pure', (_, file) => {
    expect(imports(file).filter((target) => !target.startsWith('.') && !CORE_PACKAGES.includes(target))).toEqual([]);
    const code = readFileSync(file, 'utf8')
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/\/\/.*/g, '');
    expect(
      code.match(
        /\b(?:Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|performance\.now|process\.(?:env|hrtime|exit|argv|cwd|platform)|require\()/g,
      ) ?? [],
    ).toEqual([]);
  });

  test('organs know nothing of azora but its contract, and azora nothing of them', () => {
    for (const file of sources(ORGANS)) {
      const inside = imports(file).filter(
        (target) => target.startsWith('.') && resolve(dirname(file), target).startsWith(SRC),
      );
      expect(inside, file).toEqual([]);
    }
    for (const file of sources(SRC)) {
      expect(
        imports(file).filter((target) => target.includes('organs/')),
        file,
      ).toEqual([]);
    }
  });
});
