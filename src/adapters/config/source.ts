import { isUtf8 } from 'node:buffer';
/** One YAML file: read within the caps, parsed with positions kept, and the positions turned into lines and columns. */
import { readFileSync, statSync } from 'node:fs';
import { Composer, type Document, isScalar, Lexer, Parser } from 'yaml';
import type { Problem } from '../../core/config/problem.ts';

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
  readonly doc: Document.Parsed;
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

/** Parses one file's text. Of syntax errors only the first is told: the others mostly follow from it. */
export function parseSource(file: string, label: string, text: string): Source | readonly Problem[] {
  const at = { label, lines: new Lines(text) };
  const parser = new Parser();
  const tokens = [];
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    // The composer recurses: what is far too deep must not reach it. (The exact depth is counted later, with aliases.)
    if (parser.stack.length > 2 * MAX_DEPTH) return [problemAt(at, [parser.offset, parser.offset + 1], tooDeep)];
  }
  for (const token of parser.end()) tokens.push(token);
  const composer = new Composer({ uniqueKeys: false, merge: false, prettyErrors: false, logLevel: 'silent' });
  const [doc, second] = composer.compose(tokens, true, text.length);
  const [error] = [...doc!.errors, ...doc!.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  if (error) return [problemAt(at, error.pos, syntaxMessage(error.message), syntaxHint(error))];
  if (second) {
    const start = second.range[0];
    return [problemAt(at, [start, start + 3], 'a second document starts here; the file holds one')];
  }
  if (isEmpty(doc!.contents))
    return [problemOf(label, 'the file is empty', 'write the organs that it starts:', EXAMPLE)];
  return { file, text, ...at, doc: doc! as Document.Parsed };
}

/** Nothing but comments: the composer makes a null of it, written with no character. */
function isEmpty(contents: Document['contents']): boolean {
  return contents === null || (isScalar(contents) && contents.value === null && !contents.source);
}

export const tooDeep = `nested more than ${MAX_DEPTH} levels deep`;

export const EXAMPLE = [
  'organs:',
  '  web: { command: node server.js, ports: { http: auto }, health: { http: / } }',
].join('\n');

const syntaxMessage = (message: string) => message.charAt(0).toLowerCase() + message.slice(1);

function syntaxHint({ code, message }: { code: string; message: string }): string | null {
  if (code === 'TAB_AS_INDENT') return 'indent with spaces';
  if (code === 'BAD_INDENT') return 'keys of one map start in the same column';
  if (/flow-(map|seq)-start/.test(message)) return 'put text that holds { } or [ ] in quotes';
  return null;
}

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
