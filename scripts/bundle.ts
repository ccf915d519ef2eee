import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OutputChunk, type Plugin, rolldown } from 'rolldown';

/**
 * Puts src/ and the packages it uses together into a few files of JavaScript: for the npm package (Node strips no types below
 * node_modules) and for the single binary. What is imported lazily in the sources stays so: in a file of its own.
 */

export const root = join(import.meta.dirname, '..');

/**
 * Everything that these load at once goes into one file: the commands that have to answer at once, and before them what asks
 * while they are being loaded. Apart from the entry, since keeper and supervisor, which begin there too, need little of it.
 */
const HOT = {
  ahead: ['cli/ask-ahead.ts'],
  plain: ['cli/process.ts'],
  hot: ['cli/program.ts', 'cli/commands/status.ts', 'cli/commands/down.ts'],
};

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
    plugins: [...plugins, childProcessOnDemand()],
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
      codeSplitting: { groups: [{ debugName: 'hot', name: hotChunk() }] },
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

/** commander would start programs for commands that are files of their own; there are none, and loading what that takes is felt. */
function childProcessOnDemand(): Plugin {
  const replaced = '\0child-process-on-demand';
  return {
    name: 'child-process-on-demand',
    resolveId: (id, importer) => (id === 'node:child_process' && importer?.includes('/commander/') ? replaced : null),
    load: (id) =>
      id === replaced
        ? "export default { spawn: (...args) => process.getBuiltinModule('node:child_process').spawn(...args) };"
        : null,
  };
}

/** Names the chunk of a module: the first of those in HOT that loads it at once, or none. */
function hotChunk() {
  let chunks: readonly (readonly [string, ReadonlySet<string>])[] | undefined;
  return (id: string, graph: { getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null }) => {
    chunks ??= Object.entries(HOT).map(([name, paths]) => {
      const start = paths.map((path) => join(root, 'src', path));
      return [name, closure(start, (module) => graph.getModuleInfo(module)?.importedIds ?? [])];
    });
    return chunks.find(([, modules]) => modules.has(id))?.[0] ?? null;
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
