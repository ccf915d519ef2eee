import type { LogFile } from './log-file.ts';
import type { TimeIndex } from './time-index.ts';

/**
 * Where lines, and the parts of overlong ones, begin in a file. A line is cut at each multiple of PART_BYTES before which a
 * whole block of that size holds no end of a line (and never within a UTF-8 sequence). This can be told from the file around
 * the place alone: reading forwards, backwards from the end and from a time in the middle all see the same parts, none of
 * them 2 × PART_BYTES long, and none has to look further than that, even in a file of 50 MB without a newline.
 */
export const PART_BYTES = 128 * 1024;

const NEWLINE = 10;

/**
 * The last start of a line (or part of one) before byte `end` of a plain file; the newline at `end - 1` is the end of the
 * line sought. `end` may be one more than the file's size: then it is the start of the line that is still to come or to end.
 */
export function startBefore(file: LogFile, end: number): number {
  const block = Math.floor((end - 1) / PART_BYTES) * PART_BYTES;
  const found = lastBreak(file, block, end);
  if (found !== null) return found;
  if (block === 0) return 0;
  const before = lastBreak(file, block - PART_BYTES, block + 1);
  if (before !== null) return before;
  const tail = Buffer.alloc(3);
  file.readAt(block - 3, tail);
  return block - incompleteTail(tail, 3);
}

/** The last place in (block, end), or at `block` where a life starts there, that follows a newline or starts a life. */
function lastBreak(file: LogFile, block: number, end: number): number | null {
  const bytes = Buffer.allocUnsafe(Math.max(0, end - 1 - block));
  // A plain file answers at once; it is only ever asked for what is there.
  const got = file.readAt(block, bytes) as number;
  const newline = got > 0 ? bytes.lastIndexOf(NEWLINE, got - 1) : -1;
  const afterNewline = newline < 0 ? null : block + newline + 1;
  const life = lastLifeStart(file.index, afterNewline ?? block, end);
  return life ?? afterNewline;
}

/** The last life that starts within [from, to), or null. */
export function lastLifeStart(index: TimeIndex, from: number, to: number): number | null {
  for (let i = index.covering(to - 1); i >= 0; i--) {
    const record = index.record(i);
    if (record.offset < from) return null;
    if (record.lifeStarts) return record.offset;
  }
  return null;
}

/** How many bytes before `end` begin a UTF-8 sequence that goes on beyond it: 0 to 3. */
export function incompleteTail(bytes: Buffer, end: number): number {
  for (let back = 1; back <= Math.min(3, end); back++) {
    const byte = bytes[end - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}
