import { incompleteTail, PART_BYTES } from './line-parts.ts';
import { ALWAYS, type Splitter, TimeCursor, type Timed, type Window } from './splitter.ts';
import type { TimeIndex } from './time-index.ts';

const NEWLINE = 10;

/** Makes an item of the line in bytes [from, to), its newline included; null leaves it out. */
export type MakeLine<T> = (bytes: Buffer, from: number, to: number, ts: number, partial: boolean) => T | null;

export interface LineRules<T> {
  readonly make: MakeLine<T>;
  /** true: none of these whole lines can be wanted, so they need not be looked at one by one. */
  readonly skip?: ((bytes: Buffer) => boolean) | undefined;
  readonly window?: Window | undefined;
  /** Told where each item that was made begins. */
  readonly onStart?: ((offset: number) => void) | undefined;
}

/**
 * Cuts bytes into lines. A line's time is that of its last byte: the moment it was complete, which is also when a follower
 * sees it. A line that has not ended when its file, its process's life or the room for it does comes in parts, each but the
 * last flagged partial; where parts are cut is a matter of the file alone (see line-parts.ts), so every reader agrees.
 */
export class LineSplitter<T extends Timed> implements Splitter<T> {
  readonly #rules: LineRules<T>;
  readonly window: Window;
  #times!: TimeCursor;
  /** Where the line in progress begins, and its bytes so far. */
  #start = 0;
  #pieces: Buffer[] = [];
  /** How far the file was pushed. */
  #end = 0;
  /** A line ended within the block of the file that #end is in. */
  #broke = false;
  lastTime = Number.NEGATIVE_INFINITY;
  done = false;

  constructor(rules: LineRules<T>) {
    this.#rules = rules;
    this.window = rules.window ?? ALWAYS;
  }

  get pending(): boolean {
    return this.#pieces.length > 0;
  }

  begin(index: TimeIndex, offset: number): void {
    this.#times = new TimeCursor(index, offset);
    this.#start = offset;
    this.#end = offset;
    this.#pieces = [];
    this.#broke = offset % PART_BYTES !== 0;
  }

  push(bytes: Buffer, out: T[]): void {
    this.#times.refresh();
    for (let from = 0; from < bytes.length && !this.done; ) {
      const blockEnd = (Math.floor(this.#end / PART_BYTES) + 1) * PART_BYTES;
      const length = Math.min(bytes.length - from, blockEnd - this.#end);
      this.#pushWithinBlock(bytes.subarray(from, from + length), out);
      from += length;
      if (this.#end === blockEnd) this.#leaveBlock(out);
    }
  }

  flush(out: T[]): void {
    if (this.pending) this.#emit(Buffer.concat(this.#pieces), true, out);
    this.#pieces = [];
    this.#start = this.#end;
  }

  #pushWithinBlock(bytes: Buffer, out: T[]): void {
    const base = this.#end;
    let from = 0;
    while (from < bytes.length) {
      const life = this.#times.lifeStart(base + from, base + bytes.length);
      if (life !== null) {
        this.#pushWithinLife(bytes.subarray(from, life - base), out);
        this.flush(out);
        from = life - base;
        this.#broke = true;
      }
      const after = this.#times.lifeStart(base + from + 1, base + bytes.length);
      const to = after === null ? bytes.length : after - base;
      this.#pushWithinLife(bytes.subarray(from, to), out);
      from = to;
    }
  }

  #pushWithinLife(bytes: Buffer, out: T[]): void {
    const base = this.#end;
    this.#end += bytes.length;
    let from = 0;
    const last = bytes.lastIndexOf(NEWLINE);
    if (last >= 0) {
      this.#broke = true;
      if (this.pending) {
        from = bytes.indexOf(NEWLINE) + 1;
        this.#emit(Buffer.concat([...this.#pieces, bytes.subarray(0, from)]), false, out);
        this.#pieces = [];
      }
      if (from <= last && this.#rules.skip?.(bytes.subarray(from, last + 1))) {
        this.lastTime = this.#times.timeAt(base + last);
        this.done = this.lastTime >= this.window.to;
        from = last + 1;
      }
      while (from <= last) {
        const newline = bytes.indexOf(NEWLINE, from);
        this.#emitAt(bytes, from, newline + 1, base + from, base + newline, false, out);
        from = newline + 1;
      }
      this.#start = base + from;
    }
    if (from < bytes.length) this.#pieces.push(Buffer.from(bytes.subarray(from)));
  }

  /** At the end of a block in which no line ended, the line in progress is cut: what is held stays below two blocks. */
  #leaveBlock(out: T[]): void {
    if (!this.#broke && this.pending) {
      const whole = Buffer.concat(this.#pieces);
      const tail = incompleteTail(whole, whole.length);
      const cut = whole.length - tail;
      this.#emitAt(whole, 0, cut, this.#start, this.#end - tail - 1, true, out);
      this.#pieces = tail > 0 ? [whole.subarray(cut)] : [];
      this.#start = this.#end - tail;
    }
    this.#broke = false;
  }

  #emit(line: Buffer, partial: boolean, out: T[]): void {
    this.#emitAt(line, 0, line.length, this.#start, this.#start + line.length - 1, partial, out);
  }

  #emitAt(bytes: Buffer, from: number, to: number, start: number, last: number, partial: boolean, out: T[]): void {
    const ts = this.#times.timeAt(last);
    this.lastTime = ts;
    if (ts >= this.window.to) this.done = true;
    if (ts < this.window.from || this.done) return;
    const item = this.#rules.make(bytes, from, to, ts, partial);
    if (item === null) return;
    out.push(item);
    this.#rules.onStart?.(start);
  }
}
