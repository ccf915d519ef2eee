import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  indexName,
  logName,
  RECORD_BYTES,
  readRecord,
  rotatedStem,
  type Stream,
  writeRecord,
} from '../adapters/logs/format.ts';
import type { LogLimits } from '../core/config/model.ts';
import { cutAt } from './rotation.ts';

/** One stream of one instance on disk, as adapters/logs/format.ts describes it. Writes at once: a queue would lose its tail. */

/** The folder is looked at this often while output comes: somebody may remove, move or truncate what we hold open. */
const CHECK_MS = 200;
/** A disk that refused a write is not asked again sooner. */
const RETRY_MS = 100;
const NEWLINE = 10;
const ROTATED = /^(\d{8,})\.(log|log\.zst|log\.gz|idx)$/;

/** Times of one instance: never backwards over both its streams, no two alike. */
export class LogClock {
  #last = 0;
  /** Who wrote the latest record: when the stream changes, the order of the two must be told. */
  writer: LogFile | null = null;

  /** Smallest step that a double still shows in this century: 1/1024 ms. */
  stamp(now: number): number {
    this.#last = Math.max(now, this.#last + 1 / 1024);
    return this.#last;
  }
  get last(): number {
    return this.#last;
  }
  atLeast(time: number): void {
    this.#last = Math.max(this.#last, time);
  }
}

export interface LogFileEvents {
  /** Output cannot be kept; `lostBytes` since the last word. */
  onTrouble(message: string, lostBytes: number): void;
  onRecovered(): void;
  /** A file was rotated away, or found so: it may be compressed. */
  onRotated(path: string): void;
}

/** Written within the call that fills it. */
const record = Buffer.alloc(RECORD_BYTES);

export class LogFile {
  readonly #folder: string;
  readonly #instance: string;
  readonly #stream: Stream;
  readonly #clock: LogClock;
  readonly #events: LogFileEvents;
  limits: LogLimits;

  #log = -1;
  #index = -1;
  #inode = 0;
  #size = 0;
  /** Bytes written ever, over all files. */
  #kept = 0;
  #midLine = false;
  #rotated: number[] = [];
  /** Bytes of the stream before this file; null: not known, as files were removed by hand while nobody looked. */
  #before: number | null = null;
  /** Records in the index of this file. */
  #records = 0;
  /** Whole milliseconds of the latest record in this file; -1 = none yet. */
  #recordMs = -1;
  #checkedAt = 0;
  #sizeWhenChecked = 0;
  #trouble: { lost: number; retryAt: number; toldAt: number } | null = null;

  constructor(
    folder: string,
    instance: string,
    stream: Stream,
    limits: LogLimits,
    clock: LogClock,
    events: LogFileEvents,
  ) {
    this.#folder = folder;
    this.#instance = instance;
    this.#stream = stream;
    this.limits = limits;
    this.#clock = clock;
    this.#events = events;
  }

  /** A new process of the instance begins to write here. */
  startLife(now: number): void {
    this.#attempt(0, now, () => this.#writeRecord(now, true));
  }

  /** Appends a chunk of output. Never throws: what cannot be kept is counted and told. */
  append(chunk: Uint8Array, now: number): void {
    this.#attempt(chunk.length, now, () => {
      for (let rest = chunk; rest.length > 0; ) {
        const fill = { size: this.#size, midLine: this.#midLine, maxSize: this.limits.maxSize };
        const { take, rotate } = cutAt(fill, rest);
        if (take > 0) this.#put(rest.subarray(0, take), now);
        if (rotate) this.#rotate();
        rest = rest.subarray(take);
      }
    });
  }

  close(): void {
    if (this.#log !== -1) closeSync(this.#log);
    if (this.#index !== -1) closeSync(this.#index);
    this.#log = this.#index = -1;
  }

  get #path(): string {
    return join(this.#folder, logName(this.#instance, this.#stream));
  }
  get #indexPath(): string {
    return join(this.#folder, indexName(this.#instance, this.#stream));
  }

  /** Runs `write` on open, verified files. What it should have written (`bytes`) and did not is counted as lost. */
  #attempt(bytes: number, now: number, write: () => void): void {
    const trouble = this.#trouble;
    if (trouble && now < trouble.retryAt && now >= trouble.retryAt - RETRY_MS) {
      trouble.lost += bytes;
      return;
    }
    const goal = this.#kept + bytes;
    try {
      if (this.#log === -1) this.#open();
      else if (now - this.#checkedAt >= CHECK_MS || now < this.#checkedAt) this.#check(now);
      write();
    } catch (error) {
      this.#fail(error, goal - this.#kept, now);
      return;
    }
    if (this.#trouble && bytes > 0) this.#recover();
  }

  #open(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.close();
    this.#log = openSync(this.#path, 'a+', 0o600);
    this.#index = openSync(this.#indexPath, 'a+', 0o600);
    const stat = statSync(this.#path);
    this.#inode = stat.ino;
    const end = this.#before === null ? null : this.#before + this.#size;
    this.#size = this.#sizeWhenChecked = stat.size;
    this.#checkedAt = Date.now();
    const last = Buffer.alloc(1);
    this.#midLine = stat.size > 0 && readSync(this.#log, last, 0, 1, stat.size - 1) === 1 && last[0] !== NEWLINE;
    this.#rotated = this.#findRotated();
    const told = this.#repairIndex();
    // Another file in the place of the one that was written, or the first of all.
    this.#before = told ?? (stat.size > 0 ? null : (end ?? (this.#rotated.length === 0 ? 0 : null)));
  }

  /**
   * Drops records that point beyond the file's end (it was truncated, or we were killed) and takes up its last time. Answers how many
   * bytes there were before this file, where that is said.
   */
  #repairIndex(): number | null {
    const bytes = readFileSync(this.#indexPath);
    const before = bytes.length < RECORD_BYTES ? null : readRecord(bytes, 0).before;
    let end = bytes.length - (bytes.length % RECORD_BYTES);
    while (end > 0 && readRecord(bytes, end - RECORD_BYTES).offset > this.#size) end -= RECORD_BYTES;
    // An index that begins beyond zero, or has records for an empty file, belongs to a file that is gone.
    if (this.#size === 0) end = 0;
    if (end !== bytes.length) ftruncateSync(this.#index, end);
    if (end > 0) this.#clock.atLeast(readRecord(bytes, end - RECORD_BYTES).time);
    this.#recordMs = -1;
    this.#records = end / RECORD_BYTES;
    return before;
  }

  /** Numbers of the rotated files, ascending. What is not compressed yet is offered for it. */
  #findRotated(): number[] {
    const prefix = `${this.#instance}.${this.#stream}.`;
    const numbers = new Set<number>();
    for (const name of readdirSync(this.#folder)) {
      const match = name.startsWith(prefix) ? ROTATED.exec(name.slice(prefix.length)) : null;
      if (!match) continue;
      numbers.add(Number(match[1]));
      if (match[2] === 'log') this.#events.onRotated(join(this.#folder, name));
    }
    return [...numbers].sort((a, b) => a - b);
  }

  /** Have the files been removed, moved or truncated under us? */
  #check(now: number): void {
    this.#checkedAt = now;
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    if (stat && stat.ino === this.#inode && stat.size === this.#size) {
      this.#sizeWhenChecked = this.#size;
      return;
    }
    const removed = !stat || stat.ino !== this.#inode;
    const lost = removed ? this.#size - this.#sizeWhenChecked : Math.max(0, this.#size - stat.size);
    this.#events.onTrouble(
      `${this.#path} was ${removed ? 'removed or moved' : 'changed'} by someone else while it was written`,
      lost,
    );
    this.#open();
    this.#events.onRecovered();
  }

  #put(bytes: Uint8Array, now: number): void {
    if (Math.trunc(Math.max(now, this.#clock.last)) !== this.#recordMs || this.#clock.writer !== this) {
      this.#writeRecord(now, false);
    }
    for (let done = 0; done < bytes.length; ) {
      const written = writeSync(this.#log, bytes, done, bytes.length - done);
      done += written;
      this.#size += written;
      this.#kept += written;
      this.#midLine = bytes[done - 1] !== NEWLINE;
    }
  }

  #writeRecord(now: number, lifeStarts: boolean): void {
    const time = this.#clock.stamp(now);
    const before = this.#records === 0 ? this.#before : null;
    writeRecord(record, 0, { offset: this.#size, time, lifeStarts, before });
    const written = writeSync(this.#index, record);
    if (written !== RECORD_BYTES) {
      // A torn record would shift all that follow.
      ftruncateSync(this.#index, statSync(this.#indexPath).size - written);
      throw Object.assign(new Error('no space for the time index'), { code: 'ENOSPC' });
    }
    this.#records++;
    this.#recordMs = Math.trunc(time);
    this.#clock.writer = this;
  }

  #rotate(): void {
    const number = (this.#rotated.at(-1) ?? 0) + 1;
    const stem = join(this.#folder, rotatedStem(this.#instance, this.#stream, number));
    this.close();
    renameSync(this.#path, `${stem}.log`);
    renameSync(this.#indexPath, `${stem}.idx`);
    this.#rotated.push(number);
    this.#log = openSync(this.#path, 'a+', 0o600);
    this.#index = openSync(this.#indexPath, 'a+', 0o600);
    this.#inode = statSync(this.#path).ino;
    if (this.#before !== null) this.#before += this.#size;
    this.#records = 0;
    this.#size = this.#sizeWhenChecked = 0;
    this.#midLine = false;
    this.#recordMs = -1;
    this.#dropOldest();
    if (this.#rotated.includes(number)) this.#events.onRotated(`${stem}.log`);
  }

  /** `maxFiles` counts the one that is written. */
  #dropOldest(): void {
    while (this.#rotated.length > Math.max(0, this.limits.maxFiles - 1)) {
      const stem = join(this.#folder, rotatedStem(this.#instance, this.#stream, this.#rotated.shift()!));
      for (const end of ['.log', '.log.zst', '.log.gz', '.idx']) rmSync(stem + end, { force: true });
    }
  }

  #fail(error: unknown, lost: number, now: number): void {
    this.#trouble ??= { lost: 0, retryAt: 0, toldAt: 0 };
    this.#trouble.lost += lost;
    this.#trouble.retryAt = now + RETRY_MS;
    try {
      this.close(); // the next attempt opens afresh: a folder that came back is found again
    } catch {
      this.#log = this.#index = -1; // close reports a delayed write error; the descriptor is gone all the same
    }
    if (now - this.#trouble.toldAt >= 1000 || now < this.#trouble.toldAt) {
      this.#trouble.toldAt = now;
      this.#events.onTrouble(`cannot write ${this.#path}: ${explain(error)}`, this.#trouble.lost);
      this.#trouble.lost = 0;
    }
  }

  #recover(): void {
    if (this.#trouble && this.#trouble.lost > 0) {
      this.#events.onTrouble(`${this.#path} can be written again`, this.#trouble.lost);
    }
    this.#trouble = null;
    this.#events.onRecovered();
  }
}

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ENOSPC') return 'no space left on the disk';
  if (code === 'EDQUOT') return 'the disk quota is used up';
  return error instanceof Error ? error.message : String(error);
}
