import type { Source } from './files.ts';
import type { LineRules } from './line-splitter.ts';
import type { RawChunk } from './raw-splitter.ts';
import type { Timed, Window } from './splitter.ts';

/** One line of an instance's output, or a part of one. */
export interface LogLine extends Timed {
  /** When it was complete: milliseconds since the epoch, with a fraction. */
  readonly ts: number;
  readonly organ: string;
  readonly instance: string;
  readonly stream: 'stdout' | 'stderr';
  /** Without its line end; invalid UTF-8 and NUL replaced by U+FFFD, control sequences as the organ wrote them. */
  readonly line: string;
  /** Its end is not in here: the next of this stream goes on with it, unless the process ended first. */
  readonly partial: boolean;
}

/** Which lines are wanted, by their text as a reader sees it. */
export type LineFilter = (text: string) => boolean;

const NEWLINE = 10;
const RETURN = 13;

/** The text of the line in bytes [from, to), without LF or CR LF. */
export function decodeLine(bytes: Buffer, from: number, to: number): string {
  let end = to;
  if (end > from && bytes[end - 1] === NEWLINE) {
    end--;
    if (end > from && bytes[end - 1] === RETURN) end--;
  }
  const text = bytes.toString('utf8', from, end);
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text;
}

export interface Selection {
  readonly window: Window;
  readonly filter: LineFilter | null;
  readonly skip: ((bytes: Buffer) => boolean) | undefined;
  /** Hides secrets, before the filter sees the text. Bytes shown raw are not masked. */
  readonly mask: (text: string) => string;
}

/** Lines of a source as values. */
export function lineRules(source: Source, { window, filter, skip, mask }: Selection): LineRules<LogLine> {
  const { organ, instance } = source;
  const stream = source.stream === 'out' ? 'stdout' : 'stderr';
  return {
    window,
    skip,
    make(bytes, from, to, ts, partial) {
      const line = mask(decodeLine(bytes, from, to));
      return filter === null || filter(line) ? { ts, organ, instance, stream, line, partial } : null;
    },
  };
}

/** Whole lines as they were written: what `--raw` shows of those that a filter picks. */
export function rawLineRules({ window, filter, skip }: Selection): LineRules<RawChunk> {
  return {
    window,
    skip,
    make(bytes, from, to, ts) {
      if (filter !== null && !filter(decodeLine(bytes, from, to))) return null;
      return { ts, bytes: Buffer.from(bytes.subarray(from, to)) };
    },
  };
}
