/**
 * A parsed file → plain data: aliases and merge keys expanded (within limits), `x-` keys dropped, variables interpolated, paths made
 * absolute. One walk, in the order of the file, since an alias means the last anchor before it.
 */
import { resolve } from 'node:path';
import { interpolate, type Reference } from '../../core/config/interpolate.ts';
import type { Path, Problem } from '../../core/config/problem.ts';
import type { AliasNode, MapNode, Node, ScalarNode } from './nodes.ts';
import { MAX_ALIASES, MAX_DEPTH, problemAt, type Range, type Source, tooDeep } from './source.ts';

/** More than any honest file of 1 MiB holds; a bomb of aliases asks for billions. */
const MAX_VALUES = 500_000;

export interface Data {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Where a value could not be had, which the problems tell: what else is said of these places follows from it. */
  readonly broken: readonly Path[];
  readonly warnings: readonly string[];
  readonly references: readonly (Reference & { readonly path: Path })[];
  /** The line on which each organ of this file is declared. */
  readonly organLines: ReadonlyMap<string, number>;
}

/** Converts a whole file. `lookup` gives the variables' values. */
export function toData(source: Source, folder: string, lookup: (name: string) => string | undefined): Data {
  const walk = new Walk(source, folder, lookup);
  const value = walk.convert(source.root, [], 0);
  const { problems, broken, references, organLines } = walk;
  return { value, problems, broken, warnings: [...walk.warnings], references, organLines };
}

class Walk {
  readonly problems: Problem[] = [];
  readonly broken: Path[] = [];
  readonly warnings = new Set<string>();
  readonly references: (Reference & { readonly path: Path })[] = [];
  readonly organLines = new Map<string, number>();
  readonly #source: Source;
  readonly #folder: string;
  readonly #lookup: (name: string) => string | undefined;
  readonly #anchors = new Map<string, Node>();
  readonly #expanding = new Set<Node>();
  #aliases = 0;
  #values = 0;

  constructor(source: Source, folder: string, lookup: (name: string) => string | undefined) {
    this.#source = source;
    this.#folder = folder;
    this.#lookup = lookup;
  }

  convert(node: Node | null, path: Path, depth: number): unknown {
    if (++this.#values > MAX_VALUES) {
      if (this.#values === MAX_VALUES + 1)
        this.#report(node, `the aliases of this file expand to more than ${MAX_VALUES} values`);
      return this.#fail(path);
    }
    if (node === null) return null;
    if (node.kind === 'alias') {
      const target = this.#follow(node);
      if (target === undefined) return this.#fail(path);
      this.#expanding.add(target);
      const value = this.convert(target, path, depth);
      this.#expanding.delete(target);
      return value;
    }
    if (node.kind === 'scalar') {
      this.#anchor(node);
      return this.#scalar(node, path);
    }
    if (depth >= MAX_DEPTH) {
      this.#report(node, tooDeep);
      return this.#fail(path);
    }
    this.#anchor(node);
    if (node.kind === 'map') return this.#map(node, path, depth);
    return node.items.map((item, index) => this.convert(item, [...path, index], depth + 1));
  }

  #map(node: MapNode, path: Path, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    const merged: unknown[] = [];
    const seen = new Map<string, Range>();
    for (const pair of node.items) {
      const key = pair.key?.kind === 'scalar' ? pair.key : null;
      if (key === null || (key.value === null && !key.source)) {
        this.#report(pair.key ?? node, 'a key has to be text');
        continue;
      }
      this.#anchor(key);
      const name = key.source ?? String(key.value);
      if (name === '<<' && key.plain) {
        merged.push(...this.#mergeSources(pair.value, path, depth));
        continue;
      }
      const before = seen.get(name);
      if (before) {
        const line = this.#source.lines.lineOf(before[0]);
        this.#report(key, `duplicate key "${name}"`, `it is already on line ${line}`);
        continue;
      }
      seen.set(name, key.range);
      if (name === '__proto__' || name.includes('\0')) {
        this.#report(key, `${JSON.stringify(name)} cannot be a key`);
        continue;
      }
      // An extension may hold anything, anchors for later above all: it is read for these and left out.
      const value = this.convert(pair.value, [...path, name], depth + 1);
      if (isExtension(name, path)) continue;
      if (path.length === 1 && path[0] === 'organs' && this.#expanding.size === 0)
        this.organLines.set(name, this.#source.lines.lineOf(key.range[0]));
      map[name] = value;
    }
    for (const source of merged) {
      for (const [name, value] of Object.entries(source as object)) if (!Object.hasOwn(map, name)) map[name] = value;
    }
    return map;
  }

  /** `<<: *base`, `<<: [*a, *b]`, `<<: { … }`: earlier ones win, and the map's own keys win over all. */
  #mergeSources(node: Node | null, path: Path, depth: number): unknown[] {
    const value = this.convert(node, path, depth);
    const sources = Array.isArray(value) ? value : [value];
    if (sources.every((source) => typeof source === 'object' && source !== null && !Array.isArray(source)))
      return sources;
    if (this.problems.length === 0)
      this.#report(node, 'a merge key ("<<") takes a map, an alias of one, or a list of these');
    return [];
  }

  #scalar(node: ScalarNode, path: Path): unknown {
    if (typeof node.value !== 'string') {
      // `VERSION: 1.10` and `CODE: 007` are meant as they are written.
      return node.value !== null && KEEPS_SOURCE.has(path.at(-2) ?? '') && node.source !== undefined
        ? node.source
        : node.value;
    }
    if (node.value.includes('\0')) {
      this.#report(node, 'a NUL character can be part of neither an argument nor a variable');
      return this.#fail(path);
    }
    let text = node.value;
    if (text.includes('$')) {
      const result = interpolate(text, this.#lookup);
      if ('error' in result) {
        this.#report(node, result.error, result.hint, result.piece);
        return this.#fail(path);
      }
      text = result.text;
      for (const name of result.unset) this.#warnUnset(node, name);
      for (const reference of result.references) this.references.push({ ...reference, path });
    }
    return isPath(path) ? this.#absolute(text) : text;
  }

  #absolute(path: string): string {
    return path === '' || path.includes('\0') ? path : resolve(this.#folder, path);
  }

  #warnUnset(node: ScalarNode, name: string): void {
    const { label, lines } = this.#source;
    const line = lines.lineOf(node.range[0]);
    this.warnings.add(
      `${label}:${line}: the variable ${name} is not set and is read as empty; write \${${name}:-default} or \${${name}:?why}`,
    );
  }

  #anchor(node: Node): void {
    if (node.anchor !== undefined && this.#expanding.size === 0) this.#anchors.set(node.anchor, node);
  }

  /** What an alias stands for; undefined, and reported, when that is nothing, itself, or one too many. */
  #follow(alias: AliasNode): Node | undefined {
    if (this.#expanding.size === 0 && ++this.#aliases > MAX_ALIASES) {
      if (this.#aliases === MAX_ALIASES + 1) this.#report(alias, `more than ${MAX_ALIASES} aliases`);
      return undefined;
    }
    const target = this.#anchors.get(alias.source);
    if (target === undefined)
      this.#report(alias, `"*${alias.source}" stands for nothing: there is no "&${alias.source}" before it`);
    else if (this.#expanding.has(target)) this.#report(alias, `"*${alias.source}" contains itself`);
    else return target;
    return undefined;
  }

  #fail(path: Path): null {
    if (this.#values <= MAX_VALUES) this.broken.push(path);
    return null;
  }

  #report(node: Node | null, message: string, hint: string | null = null, piece?: string): void {
    const range = node?.range ?? [0, 1];
    const at = piece === undefined ? -1 : this.#source.text.slice(range[0], range[1]).indexOf(piece);
    const exact: Range = at < 0 || piece === undefined ? range : [range[0] + at, range[0] + at + piece.length];
    this.problems.push(problemAt(this.#source, exact, message, hint));
  }
}

/** Maps of texts, and lists of arguments: a number in them is what was written, not its value. */
const KEEPS_SOURCE: ReadonlySet<string | number> = new Set(['env', 'labels', 'headers', 'command', 'exec']);

/** `x-anything`, at the top and in an organ. */
function isExtension(key: string, path: Path): boolean {
  if (!key.startsWith('x-')) return false;
  return (
    path.length === 0 || (path.length === 1 && path[0] === 'defaults') || (path.length === 2 && path[0] === 'organs')
  );
}

/** Says whether the text here is a path, relative to its file. */
function isPath(path: Path): boolean {
  const [first, ...rest] = path;
  const keys = first === 'organs' ? rest.slice(1) : first === 'defaults' ? rest : null;
  const [key, second] = keys ?? path;
  if (key === 'env_file') return true;
  if (keys === null) return key === 'include';
  return (key === 'cwd' && keys.length === 1) || (key === 'watch' && second === 'paths');
}
