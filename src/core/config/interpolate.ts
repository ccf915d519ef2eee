/**
 * Interpolation of variables, as docker compose does it: `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, `${VAR:+instead}`, the
 * same without the colon (which then asks only whether it is set, not whether it is empty), `$$` for a dollar sign. Defaults may
 * themselves hold variables. `${organs.NAME.port|url|host}` becomes a mark (see references.ts). A `$` before anything else stays:
 * it belongs to the shell.
 */
import { type EndpointField, referenceMark } from './references.ts';
import { didYouMean } from './suggest.ts';

export interface Reference {
  readonly organ: string;
  readonly field: EndpointField;
  /** As written, for messages. */
  readonly piece: string;
}

export interface Interpolated {
  readonly text: string;
  /** Variables that were not set, and so were read as empty. */
  readonly unset: readonly string[];
  readonly references: readonly Reference[];
}

export interface InterpolationError {
  readonly error: string;
  readonly hint: string | null;
  /** The part of the text that is wrong. */
  readonly piece: string;
}

const FIELDS: readonly string[] = ['port', 'url', 'host'];
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const OPERATOR = /:?[-?+]/y;

/** Replaces every variable in `text`; the first thing wrong with it is returned instead. */
export function interpolate(
  text: string,
  lookup: (name: string) => string | undefined,
): Interpolated | InterpolationError {
  if (!text.includes('$')) return { text, unset: [], references: [] };
  const reader = new Reader(text, lookup);
  const out = reader.read(false, true);
  return reader.error ?? { text: out, unset: reader.unset, references: reader.references };
}

class Reader {
  readonly unset: string[] = [];
  readonly references: Reference[] = [];
  error: InterpolationError | null = null;
  #at = 0;
  readonly #text: string;
  readonly #lookup: (name: string) => string | undefined;

  constructor(text: string, lookup: (name: string) => string | undefined) {
    this.#text = text;
    this.#lookup = lookup;
  }

  /** Reads to the end, or inside braces to the closing one. What is not `used` is only checked for its form. */
  read(inBraces: boolean, used: boolean): string {
    let out = '';
    while (this.#at < this.#text.length && !this.error) {
      const char = this.#text[this.#at]!;
      if (inBraces && char === '}') return out;
      const next = this.#text[this.#at + 1];
      if (char === '$' && next === '$') {
        out += '$';
        this.#at += 2;
      } else if (char === '$' && next === '{') {
        out += this.#variable(used);
      } else {
        out += char;
        this.#at += 1;
      }
    }
    return out;
  }

  #variable(used: boolean): string {
    const start = this.#at;
    this.#at += 2;
    if (this.#text.startsWith('organs.', this.#at)) return this.#reference(start, used);
    const name = this.#match(NAME);
    const operator = name === '' ? '' : this.#match(OPERATOR);
    if (name === '' || (operator === '' && this.#text[this.#at] !== '}')) return this.#fail(start, 'is not a variable');

    const value = this.#lookup(name);
    const present = value !== undefined && (value !== '' || !operator.startsWith(':'));
    const kind = operator.at(-1);
    const word = operator === '' ? '' : this.read(true, used && (kind === '+' ? present : !present));
    if (this.error) return '';
    if (this.#text[this.#at] !== '}') return this.#fail(start, 'has no closing "}"');
    this.#at += 1;

    if (kind === '+') return present ? word : '';
    if (present) return value;
    if (kind === '-') return word;
    if (kind === '?') {
      if (used) {
        const why = word || `it is ${value === undefined ? 'not set' : 'empty'}`;
        this.error = {
          error: `the variable ${name} is required: ${why}`,
          hint: null,
          piece: this.#text.slice(start, this.#at),
        };
      }
      return '';
    }
    if (used) this.unset.push(name);
    return '';
  }

  #reference(start: number, used: boolean): string {
    const end = this.#text.indexOf('}', this.#at);
    if (end < 0) return this.#fail(start, 'has no closing "}"');
    const piece = this.#text.slice(start, end + 1);
    const [, organ = '', field = '', ...more] = this.#text.slice(this.#at, end).split('.');
    this.#at = end + 1;
    if (!FIELDS.includes(field) || more.length > 0) {
      const hint = didYouMean(field, FIELDS) ?? 'write ${organs.NAME.port}, .url or .host';
      this.error = { error: `"${piece}" is not a reference to an organ`, hint, piece };
      return '';
    }
    if (!/^[a-z][a-z0-9-]*$/.test(organ)) {
      this.error = { error: `"${piece}" refers to no organ: "${organ}" is not a name of one`, hint: null, piece };
      return '';
    }
    if (!used) return '';
    this.references.push({ organ, field: field as EndpointField, piece });
    return referenceMark(organ, field as EndpointField);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #fail(start: number, what: string): string {
    const close = this.#text.indexOf('}', start);
    const piece = close < 0 ? this.#text.slice(start) : this.#text.slice(start, close + 1);
    this.error = { error: `"${piece}" ${what}`, hint: 'write "$${" for the two characters themselves', piece };
    return '';
  }
}
