import type { TimeIndex } from './time-index.ts';

/** Anything that has a place in time. */
export interface Timed {
  /** Milliseconds since the epoch, with a fraction. */
  readonly ts: number;
}

/** A part of a file's time: `from` ≤ ts < `to`. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

export const ALWAYS: Window = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

/** Turns the bytes of one file, handed over in order, into items that have a time. */
export interface Splitter<T> {
  /** What is outside is left out. */
  readonly window: Window;
  /** Begins with the file whose index this is, at the start of a line. */
  begin(index: TimeIndex, offset: number): void;
  /** `bytes` are the file's from where the last push ended. The buffer is the caller's again afterwards. */
  push(bytes: Buffer, out: T[]): void;
  /** No more of this file (or not for long): hands out what was held back. */
  flush(out: T[]): void;
  /** Something is held back, because its end has not come. */
  readonly pending: boolean;
  /** The time of the last byte that was looked at; nothing that comes later is earlier. */
  readonly lastTime: number;
  /** The window's end was passed: nothing more will come. */
  readonly done: boolean;
}

/** Walks the records of an index beside the bytes that they describe, forwards. */
export class TimeCursor {
  readonly index: TimeIndex;
  #i: number;
  #time = 0;
  /** Where the next record takes over. */
  #next = 0;

  constructor(index: TimeIndex, offset: number) {
    this.index = index;
    index.refresh();
    this.#i = index.covering(offset);
    this.#settle();
  }

  /** The time of the byte at `offset`; offsets never decrease from call to call. */
  timeAt(offset: number): number {
    while (offset >= this.#next) {
      this.#i++;
      this.#settle();
    }
    return this.#time;
  }

  /** The end of the stretch that the byte at `offset` shares its time with; Infinity when it is the last one. */
  stretchEnd(offset: number): number {
    this.timeAt(offset);
    return this.#next;
  }

  /** The first life that starts within [from, to), or null; within what timeAt has not gone past. */
  lifeStart(from: number, to: number): number | null {
    for (let i = Math.max(0, this.#i); i < this.index.count; i++) {
      const record = this.index.record(i);
      if (record.offset >= to) return null;
      if (record.lifeStarts && record.offset >= from) return record.offset;
    }
    return null;
  }

  /** Takes in records appended since. */
  refresh(): void {
    this.index.refresh();
    this.#settle();
  }

  #settle(): void {
    const { index } = this;
    this.#time = index.timeOf(this.#i);
    this.#next = this.#i + 1 < index.count ? index.record(this.#i + 1).offset : Number.POSITIVE_INFINITY;
  }
}
