/**
 * How an instance's output is kept on disk. The keeper writes it, every reader of logs reads it.
 *
 *     logs/<organ>/<instance>.out.log        the bytes of stdout exactly as the organ wrote them
 *     logs/<organ>/<instance>.out.idx        when they came: 16-byte records, see below
 *     logs/<organ>/<instance>.err.log, .idx  likewise for stderr
 *     logs/<organ>/<instance>.out.<n>.log    rotated, oldest = lowest n (n grows for ever, 8 digits); with its own .idx;
 *     logs/<organ>/<instance>.out.<n>.log.zst  (or .gz) once compressed; the .idx stays as it is
 *
 * A record says: from `offset` of this file on, the bytes came at `time`. It is written before its bytes, and only when the
 * millisecond changed since the record before, so that 500 MB in a flood cost some kilobytes. Times never decrease within
 * one instance, over both streams, and two records never share one (a fraction of a millisecond sets them apart), so that
 * out and err merge into the order in which they were read.
 *
 * Rotation cuts at the last newline, so a line is never split between two files.
 *
 * The first record of a file is always about its byte 0, so in the place of the offset it says (flag 2) how many bytes of the stream
 * there were before this file: whoever comes upon a file later than the one after the last that was read knows how much is missing.
 */

export type Stream = 'out' | 'err';

export const RECORD_BYTES = 16;

/** Flags of a record. */
export const LIFE_STARTS = 1;
export const FILE_BEGINS = 2;

export interface IndexRecord {
  /** Bytes into the file; below 2^48. */
  readonly offset: number;
  /** Milliseconds since the epoch, with a fraction. */
  readonly time: number;
  /** A new process of the instance starts here (what `logs --previous` cuts at). */
  readonly lifeStarts: boolean;
  /** The first of its file: bytes of the stream before this file; below 2^48. null: another one, or nobody knows. */
  readonly before: number | null;
}

/** Little endian: uint48 offset (or the bytes before), uint16 flags, float64 time. */
export function writeRecord(target: Buffer, at: number, record: IndexRecord): void {
  target.writeUIntLE(record.before ?? record.offset, at, 6);
  target.writeUInt16LE((record.lifeStarts ? LIFE_STARTS : 0) | (record.before === null ? 0 : FILE_BEGINS), at + 6);
  target.writeDoubleLE(record.time, at + 8);
}

export function readRecord(source: Buffer, at: number): IndexRecord {
  const number = source.readUIntLE(at, 6);
  const flags = source.readUInt16LE(at + 6);
  const begins = (flags & FILE_BEGINS) !== 0;
  return {
    offset: begins ? 0 : number,
    lifeStarts: (flags & LIFE_STARTS) !== 0,
    time: source.readDoubleLE(at + 8),
    before: begins ? number : null,
  };
}

/** File names within `logs/<organ>/`. */
export const logName = (instance: string, stream: Stream): string => `${instance}.${stream}.log`;
export const indexName = (instance: string, stream: Stream): string => `${instance}.${stream}.idx`;
export const rotatedStem = (instance: string, stream: Stream, n: number): string =>
  `${instance}.${stream}.${String(n).padStart(8, '0')}`;
