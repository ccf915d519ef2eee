/** A file with everything that it includes, merged in order. */
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { isScalar, isSeq } from 'yaml';
import type { Reference } from '../../core/config/interpolate.ts';
import { mergeData } from '../../core/config/merge.ts';
import type { Path, Problem } from '../../core/config/problem.ts';
import { toData } from './data.ts';
import type { EnvFile } from './env-file.ts';
import { findOverride } from './find-file.ts';
import { locate } from './positions.ts';
import { EXAMPLE, parseSource, problemOf, readText, type Source } from './source.ts';

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
  readonly references: readonly (Reference & { readonly path: Path })[];
  /** Where each organ is declared first. */
  readonly places: ReadonlyMap<string, { readonly file: string; readonly line: number; readonly folder: string }>;
}

export interface Outside {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly readEnvFile: (path: string) => EnvFile | null;
}

/** Reads the main file, its includes, its override file and theirs. Problems of one file do not hide those of another. */
export function readFiles(main: string, outside: Outside): ReadFiles {
  const reader = new Reader(main, outside);
  reader.read(main, []);
  const override = findOverride(main);
  if (override !== null) reader.read(override, []);
  return reader;
}

class Reader implements ReadFiles {
  data: unknown = {};
  readonly sources: Source[] = [];
  readonly problems: Problem[] = [];
  readonly broken: Path[] = [];
  readonly warnings: string[] = [];
  readonly references: (Reference & { readonly path: Path })[] = [];
  readonly places = new Map<string, { readonly file: string; readonly line: number; readonly folder: string }>();
  readonly #main: string;
  readonly #outside: Outside;
  #count = 0;

  constructor(main: string, outside: Outside) {
    this.#main = main;
    this.#outside = outside;
  }

  /** `includedBy`: the files on the way here, the nearest last. A message when the file cannot be had. */
  read(file: string, includedBy: readonly string[]): string | null {
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
    const source = parseSource(file, label, read.text);
    if ('length' in source) {
      this.problems.push(...source);
      return null;
    }
    this.#take(source, includedBy);
    return null;
  }

  #take(source: Source, includedBy: readonly string[]): void {
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
      const message = this.read(file, [...includedBy, source.file]);
      if (message !== null) this.problems.push(locate({ path, message: `include: ${message}` }, [source]));
    }
  }

  /** The caller's environment; what is not in there, from the main file's env_file, as compose does it with .env. */
  readonly #lookup = (name: string): string | undefined => {
    const { env } = this.#outside;
    if (Object.hasOwn(env, name)) return env[name];
    this.#fromFiles ??= this.#readMainEnvFiles();
    return Object.hasOwn(this.#fromFiles, name) ? this.#fromFiles[name] : undefined;
  };
  #fromFiles: Readonly<Record<string, string>> | null = null;

  #readMainEnvFiles(): Readonly<Record<string, string>> {
    const read = readText(this.#main, this.#main);
    const source = read && 'text' in read ? parseSource(this.#main, this.#main, read.text) : null;
    if (source === null || 'length' in source) return {};
    const node = (source.doc as { get(key: string, keepScalar: true): unknown }).get('env_file', true);
    const items = isSeq(node) ? node.items : [node];
    const paths = items.map((item) => (isScalar(item) ? item.value : null)).filter((path) => typeof path === 'string');
    return this.#valuesOf(paths.filter((path) => !path.includes('$')));
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
