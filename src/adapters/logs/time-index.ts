import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type IndexRecord, RECORD_BYTES, readRecord } from './format.ts';

/** A record that a new keeper has cut off meanwhile, because it points beyond the file's end: it covers nothing. */
const CUT_OFF: IndexRecord = {
  offset: Number.POSITIVE_INFINITY,
  time: Number.POSITIVE_INFINITY,
  lifeStarts: false,
  before: null,
};

/** Records held in memory at a time: 4 KiB, so that an index of any size costs the same. */
const WINDOW_RECORDS = 256;

/**
 * The `.idx` beside a log file, read in place: sequential access in both directions and binary search without ever loading
 * the whole of it. A file without an index (lost, or cut off by a full disk) counts as written at `fallbackTime`.
 */
export class TimeIndex {
  readonly #fd: number | null;
  readonly #fallbackTime: number;
  readonly #window = Buffer.allocUnsafe(WINDOW_RECORDS * RECORD_BYTES);
  #windowFirst = 0;
  #windowCount = 0;
  #count = 0;

  private constructor(fd: number | null, fallbackTime: number) {
    this.#fd = fd;
    this.#fallbackTime = fallbackTime;
    this.refresh();
  }

  /** A path that is not there: an empty index. */
  static open(path: string, fallbackTime: number): TimeIndex {
    try {
      return new TimeIndex(openSync(path, 'r'), fallbackTime);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return new TimeIndex(null, fallbackTime);
    }
  }

  /** null when there is no index file. */
  get inode(): number | null {
    return this.#fd === null ? null : fstatSync(this.#fd).ino;
  }

  get count(): number {
    return this.#count;
  }

  /** How many bytes of the stream there were before this file; null: not known. */
  get before(): number | null {
    if (this.#count === 0) this.refresh();
    return this.#count === 0 ? null : this.record(0).before;
  }

  /** Takes in what was appended. Call it after the bytes were read: a record is on disk before its bytes are. */
  refresh(): void {
    if (this.#fd === null) return;
    const count = Math.floor(fstatSync(this.#fd).size / RECORD_BYTES);
    // Repaired by a new keeper: what is remembered of its end may not hold any more.
    if (count < this.#count) this.#windowCount = 0;
    this.#count = count;
  }

  /** Record `i`, 0 ≤ i < count. */
  record(i: number): IndexRecord {
    if (!this.#isLoaded(i)) this.#load(i);
    return this.#isLoaded(i) ? readRecord(this.#window, (i - this.#windowFirst) * RECORD_BYTES) : CUT_OFF;
  }

  /** The record that covers byte `offset`: the last one that starts at or before it; -1 when there is none. */
  covering(offset: number): number {
    return this.#search((record) => record.offset > offset) - 1;
  }

  /** The first record at or after `time` (ms since the epoch); `count` when all are earlier. */
  firstSince(time: number): number {
    return this.#search((record) => record.time >= time);
  }

  /** The time of record `i`; bytes before the first record count as the first's. */
  timeOf(i: number): number {
    if (this.#count === 0) return this.#fallbackTime;
    return this.record(Math.max(0, i)).time;
  }

  get firstTime(): number {
    return this.timeOf(0);
  }

  get lastTime(): number {
    return this.timeOf(this.#count - 1);
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
  }

  /** The lowest i whose record passes `test`, given that all after it pass too. */
  #search(test: (record: IndexRecord) => boolean): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (test(this.record(middle))) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #load(i: number): void {
    // Aligned windows serve a walk in either direction.
    const first = i - (i % WINDOW_RECORDS);
    const wanted = Math.min(WINDOW_RECORDS, this.#count - first) * RECORD_BYTES;
    const got = readSync(this.#fd!, this.#window, 0, wanted, first * RECORD_BYTES);
    this.#windowFirst = first;
    this.#windowCount = Math.floor(got / RECORD_BYTES);
  }

  #isLoaded(i: number): boolean {
    return i >= this.#windowFirst && i < this.#windowFirst + this.#windowCount;
  }
}
