import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OutputChunk, type Plugin, rolldown } from 'rolldown';
import { PLAIN_FILES, withPlainMethods } from './plain-yaml.ts';

/**
 * Puts src/ and the packages it uses together into a few files of JavaScript: for the npm package (Node strips no types below
 * node_modules) and for the single binary. What is imported lazily in the sources stays so: in a file of its own.
 */

export const root = join(import.meta.dirname, '..');

/**
 * What is wanted at the first moment, so that each process finds it in a few files, and little else in them. A module is in the first of
 * these that it belongs to; what belongs to none is divided by the bundler.
 */
const FIRST: Readonly<Record<string, (loadedBy: LoadedBy) => ReadonlySet<string>>> = {
  /** What `status` and `down` ask while the rest of them is being loaded, and what they have in common with the daemons. */
  ahead: (loadedBy) =>
    new Set([...loadedBy('cli/ask-ahead.ts'), ...both(loadedBy('cli/process.ts'), loadedBy(...DAEMONS))]),
  /** What `up` does before anything else. */
  start: (loadedBy) => loadedBy('cli/head-start.ts'),
  /** What the daemons have in common with other commands: they have no command line to read. */
  common: (loadedBy) => both(loadedBy(...COMMANDS), loadedBy(...DAEMONS)),
  daemons: (loadedBy) => both(loadedBy('supervisor/main.ts'), loadedBy('keeper/main.ts', 'keeper/keeper.ts')),
  plain: (loadedBy) => loadedBy('cli/process.ts'),
  /** And a plain `down`. */
  down: (loadedBy) => loadedBy('cli/take-down.ts'),
  hot: (loadedBy) => loadedBy(...COMMANDS),
};
const DAEMONS = ['keeper/main.ts', 'supervisor/main.ts'];
const COMMANDS = ['cli/program.ts', 'cli/commands/status.ts', 'cli/commands/down.ts'];

const both = (some: ReadonlySet<string>, others: ReadonlySet<string>): Set<string> =>
  new Set([...some].filter((id) => others.has(id)));

/** The modules that these load at once, themselves included. */
type LoadedBy = (...paths: readonly string[]) => Set<string>;

export interface BundleOptions {
  /** Name → file below src/. `main` is the program. */
  readonly entries: Readonly<Record<string, string>>;
  readonly build: { readonly version: string; readonly commit: string; readonly schema: string };
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
    plugins: [...plugins, standIns(), plainYaml()],
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
      codeSplitting: { groups: firstGroups() },
    });
    const chunks = output.filter((part): part is OutputChunk => part.type === 'chunk');
    const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
    return {
      chunks: chunks
        .map(({ fileName, code }) => ({ name: fileName, code: inAscii(code) }))
        .toSorted((a, b) => Number(a.name > b.name) - Number(a.name < b.name))
        .toSorted((a, b) => Number(b.name === 'main.js') - Number(a.name === 'main.js')),
      licenses: licensesOf(modules),
    };
  } finally {
    await started.close();
  }
}

/**
 * The same program without a character beyond ASCII, which V8 keeps in one byte each instead of two, and which need not be decoded: 1.3 ms
 * of the supervisor's start. An escape means in strings, templates, patterns and names what the character does; not in `String.raw`.
 */
function inAscii(code: string): string {
  if (/String\.raw`[^`]*[^\x00-\x7f]/.test(code)) throw new Error('String.raw does not read escapes');
  if (/\\[^\x00-\x7f]/.test(code)) throw new Error('a character that is escaped already would become another');
  return code.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * What packages load of Node for what azora does not use of them, and whose loading is felt. commander would start programs for commands that
 * are files of their own; there are none. chalk looks whether it writes to a terminal; each `Chalk` is told its level (3 ms, since a
 * terminal's stream is a socket). yaml asks the environment at each lexeme whether to print it, which takes 1.5 ms with 147 organs (and would be
 * heard: an organ may well have such a variable).
 */
const STAND_INS = [
  {
    id: 'node:child_process',
    of: '/commander/',
    code: "export default { spawn: (...args) => process.getBuiltinModule('node:child_process').spawn(...args) };",
  },
  { id: 'node:tty', of: '/chalk/', code: 'export default { isatty: () => false };' },
  {
    id: 'process',
    of: '/yaml/',
    code: 'export const env = {}; export const emitWarning = (...args) => process.emitWarning(...args);',
  },
];

function standIns(): Plugin {
  const name = (id: string): string => `\0stand-in-${id}`;
  return {
    name: 'stand-ins',
    resolveId: (id, importer) =>
      STAND_INS.some((each) => each.id === id && importer?.includes(each.of)) ? name(id) : null,
    load: (id) => STAND_INS.find((each) => name(each.id) === id)?.code ?? null,
  };
}

/** Of a package whose files have other names, nothing would be made: that is to be known. */
function plainYaml(): Plugin {
  let made = 0;
  return {
    name: 'plain-yaml',
    transform(code, id) {
      const plain = withPlainMethods(id, code);
      if (plain !== null) made++;
      return plain;
    },
    buildEnd() {
      const isInside = [...this.getModuleIds()].some((id) => id.includes('/yaml/'));
      if (isInside && made !== PLAIN_FILES)
        throw new Error(`${made} of ${PLAIN_FILES} files of yaml have plain methods`);
    },
  };
}

function firstGroups() {
  let groups: ReadonlyMap<string, ReadonlySet<string>> | undefined;
  return Object.keys(FIRST).map((name, index, all) => ({
    debugName: name,
    priority: all.length - index,
    name: (id: string, graph: Graph) => {
      groups ??= new Map(Object.entries(FIRST).map(([key, of]) => [key, of(loadedByIn(graph))]));
      return groups.get(name)!.has(id) ? name : null;
    },
  }));
}

interface Graph {
  getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null;
}

function loadedByIn(graph: Graph): LoadedBy {
  return (...paths) => {
    const seen = new Set<string>();
    const open = paths.map((path) => join(root, 'src', path));
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (seen.has(id)) continue;
      seen.add(id);
      open.push(...(graph.getModuleInfo(id)?.importedIds ?? []));
    }
    return seen;
  };
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
