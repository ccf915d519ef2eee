/** One YAML file: read within the caps, and its positions turned into lines and columns. */
import { isUtf8 } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import type { Problem } from '../../core/config/problem.ts';
import type { Node } from './nodes.ts';

export const MAX_BYTES = 1024 * 1024;
export const MAX_ALIASES = 100;
export const MAX_DEPTH = 32;

export interface Source {
  /** Absolute path. */
  readonly file: string;
  /** As messages show it. */
  readonly label: string;
  readonly text: string;
  readonly lines: Lines;
  readonly root: Node;
}

export type Range = readonly [start: number, end: number];

/** The text of a regular file of at most 1 MiB of UTF-8; null when there is no such file. */
export function readText(file: string, what: string): { readonly text: string } | { readonly error: string } | null {
  try {
    const stats = statSync(file);
    if (!stats.isFile()) return { error: `${what} is ${stats.isDirectory() ? 'a folder' : 'not a regular file'}` };
    if (stats.size > MAX_BYTES)
      return { error: `${what} has ${stats.size} bytes; at most ${MAX_BYTES} (1 MiB) are read` };
    const bytes = readFileSync(file);
    // Not a TextDecoder, which takes longer to load than a file to be read.
    if (!isUtf8(bytes)) return { error: `${what} is not UTF-8 text` };
    return { text: bytes.toString('utf8').replace(/^\ufeff/, '') };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    return { error: `${what} cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

export const tooDeep = `nested more than ${MAX_DEPTH} levels deep`;

export const EXAMPLE = [
  'organs:',
  '  web: { command: node server.js, ports: { http: auto }, health: { http: / } }',
].join('\n');

/** A problem about a file as a whole. */
export function problemOf(file: string | null, message: string, hint: string | null = null, example = ''): Problem {
  const help = [hint, example].filter(Boolean).join('\n');
  return { message, file, line: null, column: null, length: 1, hint: help || null, sourceLine: null };
}

/** A problem about a piece of a file. */
export function problemAt(
  { label, lines }: Pick<Source, 'label' | 'lines'>,
  [start, end]: Range,
  message: string,
  hint: string | null = null,
): Problem {
  const { line, column, text } = lines.at(start);
  const length = Math.max(1, text.slice(column - 1, column - 1 + (end - start)).trimEnd().length);
  return { message, file: label, line, column, length, hint, sourceLine: text };
}

/** Offsets of a text as lines and columns, both from 1. The table is made when it is first asked. */
export class Lines {
  readonly #text: string;
  #starts: readonly number[] | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  /** The line that an offset is in. */
  at(offset: number): { readonly line: number; readonly column: number; readonly text: string } {
    const line = this.lineOf(offset);
    const start = this.#starts![line - 1]!;
    const next = this.#starts![line] ?? this.#text.length + 1;
    return { line, column: offset - start + 1, text: this.#text.slice(start, next - 1).replace(/\r$/, '') };
  }

  lineOf(offset: number): number {
    this.#starts ??= this.#table();
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  }

  #table(): number[] {
    const starts = [0];
    for (let at = this.#text.indexOf('\n'); at >= 0; at = this.#text.indexOf('\n', at + 1)) starts.push(at + 1);
    return starts;
  }
}
