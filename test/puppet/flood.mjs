// A text of any length that is the same each time, so that what arrived can be compared with what was written.
// As a program: `node flood.mjs <bytes>` writes that much of it to stdout and ends.
import { writeSync } from 'node:fs';

const LINE_BYTES = 64;
const CHUNK_BYTES = 64 * 1024;

/** The text in pieces of 64 KiB: numbered lines of 64 bytes, the last of them cut off where the length says so. */
export function* floodChunks(bytes) {
  for (let start = 0; start < bytes; start += CHUNK_BYTES) {
    const chunk = Buffer.alloc(CHUNK_BYTES, '.');
    for (let at = 0; at < CHUNK_BYTES; at += LINE_BYTES) {
      chunk.write(String((start + at) / LINE_BYTES).padStart(12, '0'), at, 'latin1');
      chunk[at + LINE_BYTES - 1] = 10;
    }
    yield bytes - start < CHUNK_BYTES ? chunk.subarray(0, bytes - start) : chunk;
  }
}

if (process.argv[1] === import.meta.filename) {
  for (const chunk of floodChunks(Number(process.argv[2]))) {
    for (let written = 0; written < chunk.length; ) written += writeSync(1, chunk, written);
  }
}
