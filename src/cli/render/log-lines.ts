import type { ChalkInstance } from 'chalk';
import type { LogLine } from '../../adapters/logs/log-line.ts';

/** Anything that a terminal might act on or not show: C0 but tab, DEL, C1. */
const CONTROL = /[\0-\x08\x0a-\x1f\x7f-\x9f]/;

/**
 * Control sequences (ECMA-48), each as a whole: CSI; the strings OSC, DCS, SOS, PM, APC with their end; other escapes. What
 * has no proper end loses its introducer only, so that no text is hidden (and no match goes past another introducer, so that the
 * time needed grows with the text and no faster). Colours (SGR) are group 1.
 */
const SEQUENCE =
  /(\x1b\[[\d;:]*m)|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-Z\\^-~]|\x1b[[\]]?|\r|[\0-\x08\x0a-\x1f\x7f-\x9f]/g;

/** A carriage return within a line lets its end overwrite its beginning: it is shown instead. */
const RETURN_SIGN = '\u240d';

/** The text as it can be shown to anybody: no control sequence is left; tabs stay. */
export function stripControls(text: string): string {
  return CONTROL.test(text) ? text.replace(SEQUENCE, (found) => (found === '\r' ? RETURN_SIGN : '')) : text;
}

/** Likewise, but colours stay, and end with the line. */
export function neutralise(text: string): string {
  if (!CONTROL.test(text)) return text;
  let isStyled = false;
  const shown = text.replace(SEQUENCE, (found, style: string | undefined) => {
    isStyled ||= style !== undefined;
    return style ?? (found === '\r' ? RETURN_SIGN : '');
  });
  return isStyled ? `${shown}\x1b[0m` : shown;
}

export interface LineFormat {
  /** Of the stream that it goes to; level 0 strips the organs' own colours too. */
  readonly style: ChalkInstance;
  readonly prefix: boolean;
  readonly timestamps: boolean;
}

/** Writes lines for people: `mint-1 | 2026-11-23T08:00:00.000Z text`. */
export class LogLineRenderer {
  readonly #format: LineFormat;
  readonly #clean: (text: string) => string;
  /** Rendered names; they are as wide as the widest one seen. */
  readonly #names = new Map<string, string>();
  #width = 0;

  /** `instances`: those that are known beforehand, so that columns do not move when they speak up. */
  constructor(format: LineFormat, instances: Iterable<string> = []) {
    this.#format = format;
    this.#clean = format.style.level > 0 ? neutralise : stripControls;
    for (const instance of instances) this.#width = Math.max(this.#width, instance.length);
  }

  /** One line of text, its newline included. */
  render({ ts, organ, instance, stream, line }: LogLine): string {
    const { style, prefix, timestamps } = this.#format;
    let text = '';
    if (prefix) {
      const bar = stream === 'stderr' ? style.red('|') : style.dim('|');
      text += `${this.#name(organ, instance)} ${bar} `;
    }
    if (timestamps) text += `${style.dim(formatTime(ts))} `;
    return `${text}${this.#clean(line)}\n`;
  }

  #name(organ: string, instance: string): string {
    if (instance.length > this.#width) {
      this.#width = instance.length;
      this.#names.clear();
    }
    let name = this.#names.get(instance);
    if (name === undefined) {
      name = organColor(this.#format.style, organ)(instance.padEnd(this.#width));
      this.#names.set(instance, name);
    }
    return name;
  }
}

/** Red is left out: it is for what went wrong. */
const PALETTE = [
  'cyan',
  'yellow',
  'green',
  'magenta',
  'blue',
  'cyanBright',
  'yellowBright',
  'greenBright',
  'magentaBright',
  'blueBright',
] as const;

/** An organ's colour: the same everywhere and every time, by its name alone. */
export function organColor(style: ChalkInstance, organ: string): (text: string) => string {
  // FNV-1a: neighbouring names get different colours.
  let hash = 0x811c9dc5;
  for (const char of organ) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
  return style[PALETTE[(hash >>> 0) % PALETTE.length]!];
}

/** One line of `logs --json`, its newline included. Valid JSON that no terminal acts on either: DEL and C1 are escaped too. */
export function jsonLine({ ts, organ, instance, stream, line, partial }: LogLine): string {
  const fields = { ts: formatTime(ts), organ, instance, stream, line, ...(partial && { partial }) };
  const json = `${JSON.stringify(fields)}\n`;
  return UNESCAPED.test(json) ? json.replace(UNESCAPED_ALL, (c) => `\\u00${c.charCodeAt(0).toString(16)}`) : json;
}

/** Control characters that JSON.stringify lets through. */
const UNESCAPED = /[\x7f-\x9f]/;
const UNESCAPED_ALL = new RegExp(UNESCAPED, 'g');

let formattedMs = Number.NaN;
let formatted = '';

/** RFC 3339, UTC, whole milliseconds. Lines of a flood share theirs, so the last one is kept. */
function formatTime(ts: number): string {
  const ms = Math.floor(ts);
  if (ms !== formattedMs) {
    formatted = new Date(ms).toISOString();
    formattedMs = ms;
  }
  return formatted;
}
