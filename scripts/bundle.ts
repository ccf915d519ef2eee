import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OutputChunk, type Plugin, rolldown } from 'rolldown';

/**
 * Puts src/ and the packages it uses together into a few files of JavaScript: for the npm package (Node strips no types below
 * node_modules) and for the single binary. What is imported lazily in the sources stays so: in a file of its own.
 */

export const root = join(import.meta.dirname, '..');

/** Everything that these load at once goes into one file: the commands that have to answer at once. */
const HOT = ['cli/process.ts', 'cli/commands/status.ts', 'cli/commands/down.ts'];
/** Apart from the entry: keeper and supervisor, which begin there too, need little of it. */
const HOT_CHUNK = 'hot';

export interface BundleOptions {
  /** Name → file below src/. `main` is the program. */
  readonly entries: Readonly<Record<string, string>>;
  readonly build: { readonly version: string; readonly commit: string };
  /** What stays an import: a package that holds native code. */
  readonly external: readonly string[];
  readonly plugins?: readonly Plugin[];
}

export interface Bundle {
  /** The entry first, then by name. Their names are `main.js` and `chunks/<name>.js`. */
  readonly chunks: readonly { readonly name: string; readonly code: string }[];
  /** Who wrote what is inside, and under which terms. */
  readonly licenses: string;
}

export async function bundle({ entries, build, external, plugins = [] }: BundleOptions): Promise<Bundle> {
  const started = await rolldown({
    cwd: root,
    input: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, join(root, 'src', path)])),
    platform: 'node',
    external: [...external],
    plugins: [...plugins],
    transform: { target: 'node22', define: { AZORA_BUILD: JSON.stringify(build) } },
    checks: { ineffectiveDynamicImport: false }, // in a group that is loaded anyway
    onwarn: (warning) => {
      throw new Error(`the bundle is not as it should be: ${warning.message}`);
    },
  });
  try {
    const { output } = await started.generate({
      format: 'cjs',
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name].js',
      comments: { legal: true, annotation: false, jsdoc: false },
      dynamicImportInCjs: false, // code that the single binary runs out of itself has `require` alone
      codeSplitting: { groups: [{ debugName: HOT_CHUNK, name: hotChunk() }] },
    });
    const chunks = output.filter((part): part is OutputChunk => part.type === 'chunk');
    const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
    return {
      chunks: chunks
        .map(({ fileName, code }) => ({ name: fileName, code }))
        .toSorted((a, b) => Number(a.name > b.name) - Number(a.name < b.name))
        .toSorted((a, b) => Number(b.name === 'main.js') - Number(a.name === 'main.js')),
      licenses: licensesOf(modules),
    };
  } finally {
    await started.close();
  }
}

/** Names the chunk of a module: `hot` for all that the hot commands load at once, or none. */
function hotChunk() {
  let hot: ReadonlySet<string> | undefined;
  return (id: string, graph: { getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null }) => {
    hot ??= closure(
      HOT.map((path) => join(root, 'src', path)),
      (module) => graph.getModuleInfo(module)?.importedIds ?? [],
    );
    return hot.has(id) ? HOT_CHUNK : null;
  };
}

function closure(start: readonly string[], next: (id: string) => readonly string[]): Set<string> {
  const seen = new Set<string>();
  const open = [...start];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...next(id));
  }
  return seen;
}

/** The licence of every package that one of these files is from. */
function licensesOf(modules: readonly string[]): string {
  const packages = new Set(
    modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []).toSorted(),
  );
  return [...packages].map(licenseOf).join('\n');
}

export function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? `(${license})\n` : readFileSync(join(folder, file), 'utf8');
  return `${'-'.repeat(80)}\n${name} ${version}\n\n${text.trim()}\n`;
}
