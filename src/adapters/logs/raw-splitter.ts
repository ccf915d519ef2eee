import { ALWAYS, type Splitter, TimeCursor, type Timed, type Window } from './splitter.ts';
import type { TimeIndex } from './time-index.ts';

/** Bytes as they were written, with the time when they were read. */
export interface RawChunk extends Timed {
  readonly bytes: Buffer;
}

/** Hands bytes on unchanged, cut only where the time changes. */
export class RawSplitter implements Splitter<RawChunk> {
  readonly window: Window;
  #times!: TimeCursor;
  #end = 0;
  readonly pending = false;
  lastTime = Number.NEGATIVE_INFINITY;
  done = false;

  constructor(window: Window = ALWAYS) {
    this.window = window;
  }

  begin(index: TimeIndex, offset: number): void {
    this.#times = new TimeCursor(index, offset);
    this.#end = offset;
  }

  push(bytes: Buffer, out: RawChunk[]): void {
    this.#times.refresh();
    const base = this.#end;
    this.#end += bytes.length;
    for (let from = 0; from < bytes.length && !this.done; ) {
      const ts = this.#times.timeAt(base + from);
      const to = Math.min(bytes.length, this.#times.stretchEnd(base + from) - base);
      this.lastTime = ts;
      this.done = ts >= this.window.to;
      if (ts >= this.window.from && !this.done) out.push({ ts, bytes: Buffer.from(bytes.subarray(from, to)) });
      from = to;
    }
  }

  flush(): void {}
}
