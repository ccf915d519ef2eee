/** What is wrong with a configuration: first as a place in the data, then as a place in a file. */

export type Path = readonly (string | number)[];

/** Something wrong at a place in the merged data. Core finds these; the adapter knows where in which file that is. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string | null;
  /** What to underline: the value (unless said otherwise), or the key that names it. */
  readonly at?: 'key' | 'value';
  /** A piece of the value's text; underlined instead of the whole value where it is found there. */
  readonly piece?: string;
}

/** Takes what a check finds. */
export type Report = (finding: Finding) => void;

/** Something wrong at a place in a file; `line` and `column` count from 1, and are null when it is about the file. */
export interface Problem {
  readonly message: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
  /** How many characters of the line are meant, at least 1. */
  readonly length: number;
  readonly hint: string | null;
  /** The line of the file, for the excerpt. */
  readonly sourceLine: string | null;
}

/** `organs.mint.ports.http`, `checks[2].name`. */
export function showPath(path: Path): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`;
  return text;
}
