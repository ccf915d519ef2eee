import { monotonic } from '../clock.ts';
import { FileChain } from './file-chain.ts';
import type { Source } from './files.ts';
import { startBefore } from './line-parts.ts';
import type { LogFile } from './log-file.ts';
import type { Splitter, Timed, Window } from './splitter.ts';

/** The most that is read of one source at a time, where there are few. */
export const READ_BYTES = 128 * 1024;

/** Shared by all readers: what a plain file answers is split before anything else can run. */
const scratch = Buffer.allocUnsafe(READ_BYTES);
const NOTHING = Buffer.alloc(0);

export interface ReaderRules {
  /** What was there at the time of opening, or that and all that comes. */
  readonly until: 'opening' | 'for-ever';
  /** The most to read at a time; what is read is held until its turn in the merge. At most READ_BYTES. */
  readonly readBytes: number;
  /** Said once per damaged file. */
  readonly onTrouble?: ((message: string) => void) | undefined;
}

/** Reads one source from a place in it onwards, as a queue of items in time order. */
export class SourceReader<T extends Timed> {
  readonly source: Source;
  readonly window: Window;
  readonly chain: FileChain;
  /** Read and not taken yet. */
  queue: T[] = [];
  /** There was nothing more at the last `fill`. */
  atEnd = false;
  /** When bytes came last, on the clock of monotonic(). */
  grewAt = 0;
  readonly #rules: ReaderRules;
  readonly #splitter: Splitter<T>;
  #file: LogFile | null = null;
  #offset = 0;
  #rotatedAway = false;
  #finished = false;
  /** What was read last ended here, in bytes of the whole stream; null: not known. */
  #reached: number | null = null;
  /** The present file's place in the stream has been compared with that. */
  #placed = false;

  private constructor(chain: FileChain, splitter: Splitter<T>, rules: ReaderRules) {
    this.source = chain.source;
    this.chain = chain;
    this.#splitter = splitter;
    this.window = splitter.window;
    this.#rules = rules;
  }

  static async open<T extends Timed>(
    source: Source,
    splitter: Splitter<T>,
    rules: ReaderRules,
  ): Promise<SourceReader<T>> {
    return new SourceReader(await FileChain.open(source), splitter, rules);
  }

  /** Nothing that comes from here will be earlier than this. */
  get lastTime(): number {
    return this.#splitter.lastTime;
  }

  /** A line has begun and not ended. */
  get pending(): boolean {
    return this.#splitter.pending;
  }

  /** Nothing more will ever come. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Starts at the beginning of a line in `file`, one of the chain's; it is the reader's from now on. */
  startAt(file: LogFile, offset: number): void {
    this.chain.handOut(file);
    this.#open(file, offset);
  }

  /** Starts with what is yet to come, an unfinished line included; there is none of it in a look at what was there. */
  startAtEnd(): void {
    const { live, liveSize } = this.chain;
    if (this.#rules.until === 'opening') this.#finish();
    else if (live) this.startAt(live, startBefore(live, liveSize + 1));
    else this.chain.skipOpening();
  }

  /** Reads on, once. Whether there is more is then told by `atEnd`. */
  async fill(): Promise<void> {
    if (this.#finished) return;
    this.#file ?? (await this.#advance());
    const file = this.#file;
    if (file === null) return;
    const bytes = file.size() === null ? await this.#readPacked(file) : this.#readPlain(file);
    if (bytes.length > 0) {
      if (!this.#placed) this.#place(file);
      this.#offset += bytes.length;
      if (this.#reached !== null) this.#reached += bytes.length;
      this.grewAt = monotonic();
      this.#splitter.push(bytes, this.queue);
      this.atEnd = false;
      if (this.#splitter.done) this.#finish();
      return;
    }
    if (file.number === null && this.#rules.until === 'for-ever' && !this.#rotatedAway) {
      if (file.size()! < this.#offset) {
        this.#open(file, 0); // Emptied by hand.
        this.#reached = null;
      }
      // What was written between the read above and the renaming is still to be read, before the next file.
      this.#rotatedAway = this.chain.isRotatedAway(file);
      this.atEnd = !this.#rotatedAway;
      return;
    }
    this.#splitter.flush(this.queue);
    if (file.number === null && this.#rules.until === 'opening') this.#finish();
    else await this.#advance();
  }

  /** Hands out the line in progress as far as it has come. */
  flush(): void {
    this.#splitter.flush(this.queue);
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#finished = true;
    this.atEnd = true;
    this.chain.close();
  }

  #finish(): void {
    if (!this.#splitter.done) this.#splitter.flush(this.queue);
    this.close();
  }

  #open(file: LogFile, offset: number): void {
    this.#file = file;
    this.#offset = offset;
    this.#rotatedAway = false;
    this.#placed = false;
    this.#splitter.begin(file.index, offset);
  }

  /** Says how much was deleted between what was read last and this file, of which the first bytes have been read. */
  #place(file: LogFile): void {
    this.#placed = true;
    const { before } = file.index;
    const from = before === null ? null : before + this.#offset;
    const missing = from === null || this.#reached === null ? 0 : from - this.#reached;
    this.#reached = from;
    if (missing <= 0) return;
    const { instance, stream } = this.source;
    this.#rules.onTrouble?.(
      `${missing} bytes of ${instance} (std${stream}) were rotated away before they could be read: logs.max_size and logs.max_files keep no more`,
    );
  }

  async #advance(): Promise<void> {
    const from = this.#file;
    const isLookBack = this.#rules.until === 'opening';
    const next = isLookBack && this.chain.handedLive ? null : await this.chain.next(from);
    from?.close();
    this.#file = null;
    if (next) this.#open(next, 0);
    else if (isLookBack) this.#finish();
    this.atEnd = next === null;
  }

  #readPlain(file: LogFile): Buffer {
    const isBounded = file.number === null && this.#rules.until === 'opening';
    const size = isBounded ? Math.min(this.#readSize(), this.chain.liveSize - this.#offset) : this.#readSize();
    if (size <= 0) return NOTHING;
    return scratch.subarray(0, file.readAt(this.#offset, scratch.subarray(0, size)) as number);
  }

  async #readPacked(file: LogFile): Promise<Buffer> {
    const target = Buffer.allocUnsafe(this.#readSize());
    try {
      return target.subarray(0, await file.readAt(this.#offset, target));
    } catch (cause) {
      this.#rules.onTrouble?.(`${file.path} is damaged after ${this.#offset} bytes: ${(cause as Error).message}`);
      return NOTHING;
    }
  }

  /** Up to a multiple of it, so that reads and the blocks of line parts fall together. */
  #readSize(): number {
    const { readBytes } = this.#rules;
    return readBytes - (this.#offset % readBytes);
  }
}
