import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import {
  indexName,
  logName,
  RECORD_BYTES,
  rotatedStem,
  type Stream,
  writeRecord,
} from '../../../src/adapters/logs/format.ts';

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'azora-logs-'));
}

/** The clock of one instance: never backwards, no two stamps alike. */
export class Clock {
  #last = 0;
  stamp(now: number): number {
    this.#last = Math.max(now, this.#last + 1 / 1024);
    return this.#last;
  }
}

export type Packing = 'plain' | 'zst' | 'gz' | 'both';

/** Writes a source's files as format.ts says, with rotation and compression at the test's word. */
export class LogWriter {
  readonly folder: string;
  readonly organ: string;
  readonly instance: string;
  readonly stream: Stream;
  readonly #clock: Clock;
  #size = 0;
  #number = 0;
  #isOpen = false;
  #before = 0;
  #isFresh = true;

  constructor(logs: string, organ: string, instance: string, stream: Stream, clock = new Clock()) {
    this.folder = join(logs, organ);
    this.organ = organ;
    this.instance = instance;
    this.stream = stream;
    this.#clock = clock;
  }

  get number(): number {
    return this.#number;
  }

  startLife(now: number): number {
    return this.#stamp(now, true);
  }

  /** Answers the time stamped on the bytes. */
  append(bytes: string | Buffer, now: number): number {
    const time = this.#stamp(now, false);
    appendFileSync(this.#path('log'), bytes);
    this.#size += Buffer.byteLength(bytes);
    return time;
  }

  rotate(packing: Packing = 'plain'): number {
    this.#open();
    const number = ++this.#number;
    const stem = join(this.folder, rotatedStem(this.instance, this.stream, number));
    renameSync(this.#path('log'), `${stem}.log`);
    renameSync(this.#path('idx'), `${stem}.idx`);
    this.#isOpen = false;
    this.#before += this.#size;
    this.#isFresh = true;
    this.#open();
    if (packing !== 'plain') this.pack(number, packing);
    return number;
  }

  pack(number: number, packing: Packing): void {
    const log = join(this.folder, `${rotatedStem(this.instance, this.stream, number)}.log`);
    const bytes = readFileSync(log);
    const end = packing === 'gz' ? '.gz' : '.zst';
    writeFileSync(`${log}${end}.tmp`, packing === 'gz' ? gzipSync(bytes) : zstdCompressSync(bytes));
    renameSync(`${log}${end}.tmp`, `${log}${end}`);
    if (packing !== 'both') rmSync(log);
  }

  drop(number: number): void {
    const stem = join(this.folder, rotatedStem(this.instance, this.stream, number));
    for (const end of ['.log', '.log.zst', '.log.gz', '.idx']) rmSync(stem + end, { force: true });
  }

  #path(end: 'log' | 'idx'): string {
    return join(this.folder, (end === 'log' ? logName : indexName)(this.instance, this.stream));
  }

  #open(): void {
    if (this.#isOpen) return;
    mkdirSync(this.folder, { recursive: true });
    for (const end of ['log', 'idx'] as const) writeFileSync(this.#path(end), '', { flag: 'a' });
    this.#size = 0;
    this.#isOpen = true;
  }

  #stamp(now: number, lifeStarts: boolean): number {
    this.#open();
    const time = this.#clock.stamp(now);
    const record = Buffer.alloc(RECORD_BYTES);
    writeRecord(record, 0, { offset: this.#size, time, lifeStarts, before: this.#isFresh ? this.#before : null });
    this.#isFresh = false;
    appendFileSync(this.#path('idx'), record);
    return time;
  }
}
