import { isAscii } from 'node:buffer';
import type { LineFilter } from './log-line.ts';

export interface Grep {
  readonly filter: LineFilter;
  /** true: no line of these can match. Much faster than asking line by line; says false wherever it cannot be sure. */
  readonly skip: ((bytes: Buffer) => boolean) | undefined;
}

/**
 * What keeps an expression from being tried on many lines at once: lookaround and switched-off flags may fail there on what
 * matches a line alone; what runs across line ends ([^"]*, \s, \D, the flag s) may take for ever.
 */
const ONE_LINE_ONLY = /\(\?(?![:<]|i:)|\(\?<[=!]|\[\^|\\[DWPs]/;

/** Control characters but tab and newline: a line may be shown, and is searched, without them. */
const CONTROL = /[\0-\x08\x0b-\x1f\x7f]/;

/**
 * Lines that match `source`, a JavaScript regular expression, in their text without control sequences (`strip`): what is
 * searched is what is shown. Throws a SyntaxError for a wrong expression.
 */
export function compileGrep(source: string, strip: (text: string) => string): Grep {
  const pattern = compile(source, '');
  const filter: LineFilter = (text) => pattern.test(strip(text));
  if (ONE_LINE_ONLY.test(source)) return { filter, skip: undefined };
  // With the flag m, ^ and $ hold at every line of a text, so what matches none of it matches none of its lines.
  const anywhere = compile(source, 'm');
  return {
    filter,
    skip(bytes) {
      if (!isAscii(bytes)) return false;
      const text = bytes.toString('latin1');
      return !anywhere.test(text) && !CONTROL.test(text);
    },
  };
}

/** Unicode-aware where the expression allows it; the stricter grammar of the flag u refuses harmless ones like `\-`. */
function compile(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, `${flags}u`);
  } catch {
    return new RegExp(source, flags);
  }
}
