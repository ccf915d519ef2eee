/** A file with everything that it includes, merged in order. */
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import type { Reference } from '../../core/config/interpolate.ts';
import { mergeData } from '../../core/config/merge.ts';
import type { Path, Problem } from '../../core/config/problem.ts';
import { toData } from './data.ts';
import type { EnvFile } from './env-file.ts';
import { findOverride } from './find-file.ts';
import type { Node } from './nodes.ts';
import type { ParsedBefore } from './parsed-before.ts';
import { locate } from './positions.ts';
import { EXAMPLE, Lines, problemOf, readText, type Source } from './source.ts';

/** Files that include each other twice over would double at every level. */
const MAX_FILES = 100;

export interface ReadFiles {
  /** All of them, merged. */
  readonly data: unknown;
  /** In the order of merging. */
  readonly sources: readonly Source[];
  readonly problems: readonly Problem[];
  /** Places without a value, about which the problems say all there is to say. */
  readonly broken: readonly Path[];
  readonly warnings: readonly string[];
  /** The value of a variable may be in `data`. */
  readonly hasVariables: boolean;
  readonly references: readonly (Reference & { readonly path: Path })[];
  /** Where each organ is declared first. */
  readonly places: ReadonlyMap<string, { readonly file: string; readonly line: number; readonly folder: string }>;
}

export interface Outside {
  readonly cwd: string;
  /** Files of which it is known what they say. */
  readonly parsed?: ParsedBefore;
  readonly env: Readonly<Record<string, string>>;
  readonly readEnvFile: (path: string) => EnvFile | null;
}

/** Reads the main file, its includes, its override file and theirs. Problems of one file do not hide those of another. */
export async function readFiles(main: string, outside: Outside): Promise<ReadFiles> {
  const reader = new Reader(main, outside);
  await reader.read(main, []);
  const override = findOverride(main);
  if (override !== null) await reader.read(override, []);
  return reader;
}

class Reader implements ReadFiles {
  data: unknown = {};
  readonly sources: Source[] = [];
  readonly problems: Problem[] = [];
  readonly broken: Path[] = [];
  readonly warnings: string[] = [];
  hasVariables = false;
  readonly references: (Reference & { readonly path: Path })[] = [];
  readonly places = new Map<string, { readonly file: string; readonly line: number; readonly folder: string }>();
  readonly #main: string;
  readonly #outside: Outside;
  #mainRoot: Node | null = null;
  #count = 0;

  constructor(main: string, outside: Outside) {
    this.#main = main;
    this.#outside = outside;
  }

  /** `includedBy`: the files on the way here, the nearest last. A message when the file cannot be had. */
  async read(file: string, includedBy: readonly string[]): Promise<string | null> {
    const label = labelOf(file, this.#outside.cwd);
    if (includedBy.includes(file)) {
      const cycle = [...includedBy.slice(includedBy.indexOf(file)), file].map((each) =>
        labelOf(each, this.#outside.cwd),
      );
      return `files include each other: ${cycle.join(' -> ')}`;
    }
    if (++this.#count > MAX_FILES)
      return this.#count === MAX_FILES + 1 ? `more than ${MAX_FILES} files are included` : null;
    const read = readText(file, label);
    if (read === null || 'error' in read) {
      const message = read === null ? `${label} does not exist` : read.error;
      if (includedBy.length > 0) return message;
      this.problems.push(
        problemOf(null, message, read === null ? 'write one, for example:' : null, read === null ? EXAMPLE : ''),
      );
      return null;
    }
    const { text } = read;
    const at = { file, label, text, lines: new Lines(text) };
    const root = this.#outside.parsed?.rootOf(text) ?? (await this.#parse(at));
    if ('kind' in root) await this.#take({ ...at, root }, includedBy);
    else this.problems.push(...root);
    return null;
  }

  async #parse(at: Omit<Source, 'root'>): Promise<Node | readonly Problem[]> {
    const { parse } = await import('./parse.ts');
    const root = parse(at);
    if ('kind' in root) this.#outside.parsed?.add(at.text, root);
    return root;
  }

  async #take(source: Source, includedBy: readonly string[]): Promise<void> {
    if (source.file === this.#main) this.#mainRoot = source.root;
    const folder = dirname(source.file);
    const data = toData(source, folder, this.#lookup);
    this.sources.push(source);
    this.problems.push(...data.problems);
    this.broken.push(...data.broken);
    this.warnings.push(...data.warnings);
    this.references.push(...data.references);
    const shown = labelOf(source.file, dirname(this.#main));
    for (const [organ, line] of data.organLines) {
      if (!this.places.has(organ)) this.places.set(organ, { file: shown, line, folder });
    }
    this.data = this.sources.length === 1 ? data.value : mergeData(this.data, data.value);
    for (const [path, file] of includesOf(data.value)) {
      const message = await this.read(file, [...includedBy, source.file]);
      if (message !== null) this.problems.push(locate({ path, message: `include: ${message}` }, [source]));
    }
  }

  /** The caller's environment; what is not in there, from the main file's env_file, as compose does it with .env. */
  readonly #lookup = (name: string): string | undefined => {
    this.hasVariables = true;
    const { env } = this.#outside;
    if (Object.hasOwn(env, name)) return env[name];
    this.#fromFiles ??= this.#readMainEnvFiles();
    return Object.hasOwn(this.#fromFiles, name) ? this.#fromFiles[name] : undefined;
  };
  #fromFiles: Readonly<Record<string, string>> | null = null;

  #readMainEnvFiles(): Readonly<Record<string, string>> {
    const items = this.#mainRoot?.kind === 'map' ? this.#mainRoot.items : [];
    const node = items.find(({ key }) => key?.kind === 'scalar' && key.value === 'env_file')?.value;
    const values = node?.kind === 'seq' ? node.items : [node];
    const paths = values.map((each) => (each?.kind === 'scalar' ? each.value : null));
    return this.#valuesOf(paths.filter((path) => typeof path === 'string').filter((path) => !path.includes('$')));
  }

  #valuesOf(paths: readonly string[]): Readonly<Record<string, string>> {
    const folder = dirname(this.#main);
    const files = paths.map((path) => this.#outside.readEnvFile(resolve(folder, path.replace(/\?$/, ''))));
    return Object.assign({}, ...files.map((file) => (file && 'values' in file ? file.values : {})));
  }
}

function includesOf(data: unknown): [Path, string][] {
  if (typeof data !== 'object' || data === null || !('include' in data)) return [];
  const list = Array.isArray(data.include) ? data.include : [data.include];
  return list.flatMap((path, index): [Path, string][] =>
    typeof path === 'string' ? [[['include', index], path]] : [],
  );
}

/** A file as messages show it: relative where it lies below the folder, else whole. */
export function labelOf(file: string, folder: string): string {
  const path = relative(folder, file);
  return path === '' || path.startsWith('..') || isAbsolute(path) ? file : path;
}
