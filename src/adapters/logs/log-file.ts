import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import type { TimeIndex } from './time-index.ts';

/** One file of a source, plain or compressed, with its index. Offsets count uncompressed bytes. */
export interface LogFile {
  /** Its number once rotated; null for the one being written. */
  readonly number: number | null;
  readonly path: string;
  readonly inode: number;
  readonly index: TimeIndex;
  /** null: compressed, not known until read. */
  size(): number | null;
  /** Fills `target` from `offset` on and returns how much was there; 0 = the end. Cheap only where `offset` moves forward. */
  readAt(offset: number, target: Buffer): number | Promise<number>;
  close(): void;
}

export class PlainFile implements LogFile {
  readonly number: number | null;
  readonly path: string;
  readonly inode: number;
  readonly index: TimeIndex;
  readonly #fd: number;

  constructor(path: string, number: number | null, openIndex: (modifiedMs: number) => TimeIndex) {
    this.#fd = openSync(path, 'r');
    const stat = fstatSync(this.#fd);
    this.path = path;
    this.number = number;
    this.inode = stat.ino;
    this.index = openIndex(stat.mtimeMs);
  }

  size(): number {
    return fstatSync(this.#fd).size;
  }

  readAt(offset: number, target: Buffer): number {
    return readSync(this.#fd, target, 0, target.length, offset);
  }

  close(): void {
    closeSync(this.#fd);
    this.index.close();
  }
}

export type Packing = 'zst' | 'gz';

/** A compressed file, unpacked as a stream: memory does not grow with its size. Going back means starting over. */
export class PackedFile implements LogFile {
  readonly number: number;
  readonly path: string;
  readonly inode: number;
  readonly index: TimeIndex;
  readonly #fd: number;
  readonly #packing: Packing;
  #stream: AsyncIterator<Buffer> | null = null;
  #position = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(path: string, packing: Packing, number: number, openIndex: (modifiedMs: number) => TimeIndex) {
    this.#fd = openSync(path, 'r');
    const stat = fstatSync(this.#fd);
    this.path = path;
    this.#packing = packing;
    this.number = number;
    this.inode = stat.ino;
    this.index = openIndex(stat.mtimeMs);
  }

  size(): null {
    return null;
  }

  /** Rejects when the compressed data is damaged. */
  async readAt(offset: number, target: Buffer): Promise<number> {
    if (this.#stream === null || offset < this.#position) await this.#restart();
    while (await this.#ahead()) {
      const skipped = Math.min(this.#rest.length, offset - this.#position);
      this.#take(skipped);
      if (this.#rest.length === 0) continue;
      const size = Math.min(this.#rest.length, target.length);
      this.#rest.copy(target, 0, 0, size);
      this.#take(size);
      return size;
    }
    return 0;
  }

  close(): void {
    void this.#stream?.return?.();
    closeSync(this.#fd);
    this.index.close();
  }

  #take(size: number): void {
    this.#position += size;
    this.#rest = this.#rest.subarray(size);
  }

  /** Makes sure that unread bytes are at hand; false at the end. */
  async #ahead(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#stream!.next();
      if (next.done) return false;
      this.#rest = next.value;
    }
    return true;
  }

  async #restart(): Promise<void> {
    await this.#stream?.return?.();
    // `start` makes the stream read by position, so that the descriptor can be shared by successive streams.
    const packed = createReadStream('', { fd: this.#fd, autoClose: false, start: 0, highWaterMark: 64 * 1024 });
    const { createGunzip, createZstdDecompress } = process.getBuiltinModule('node:zlib'); // felt by every `azora logs`
    const unpack = this.#packing === 'gz' ? createGunzip() : createZstdDecompress();
    packed.on('error', (error) => unpack.destroy(error));
    this.#stream = packed.pipe(unpack)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#position = 0;
    this.#rest = Buffer.alloc(0);
  }
}
