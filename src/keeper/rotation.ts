/**
 * Where a log file is cut. A file takes lines up to `maxSize`; the line that does not fit goes whole into the next file. A line
 * that began in this file is finished in it, up to `OVERSHOOT` beyond `maxSize`; a longer one is cut there, since a line without
 * an end must not make a file without an end. So lines of up to 1 MiB (or of maxSize, if that is less) are never split.
 */
const OVERSHOOT = 1024 * 1024;
const NEWLINE = 10;

export interface Fill {
  /** Bytes in the file. */
  readonly size: number;
  /** The last of them is not a newline. */
  readonly midLine: boolean;
  readonly maxSize: number;
}

/** How many bytes of `chunk` belong into the file, and whether a new one begins after them. */
export function cutAt(fill: Fill, chunk: Uint8Array): { readonly take: number; readonly rotate: boolean } {
  const room = Math.max(0, fill.maxSize - fill.size);
  if (chunk.length <= room) return { take: chunk.length, rotate: false };
  const lastLine = room === 0 ? 0 : chunk.lastIndexOf(NEWLINE, room - 1) + 1;
  if (lastLine > 0) return { take: lastLine, rotate: true };
  if (!fill.midLine && fill.size > 0) return { take: 0, rotate: true };

  // The line at the end of the file does not end within maxSize.
  const most = Math.max(0, fill.maxSize + Math.min(OVERSHOOT, fill.maxSize) - fill.size);
  const end = chunk.indexOf(NEWLINE) + 1;
  if (end > 0 && end <= most) return { take: end, rotate: true };
  return chunk.length <= most ? { take: chunk.length, rotate: false } : { take: most, rotate: true };
}
