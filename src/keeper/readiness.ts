import { constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import type { Stream } from '../adapters/logs/format.ts';
import type { Tap } from './output.ts';

/** The ways in which a process itself says that it is ready. Each calls back once. */

/** A longer line is judged by its beginning. */
const MAX_LINE = 8 * 1024;

export type OnReady = (detail: string | null) => void;

/** Watches complete lines of both streams, colours removed, until one matches. Throws SyntaxError for a bad pattern. */
export function watchLines(pattern: string, onReady: OnReady): Tap {
  // It must not hang everybody: what backtracks too long is matched in linear time. Not said before there is a pattern: V8 refuses code
  // that was compiled ahead under other flags.
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
  const expression = new RegExp(pattern);
  const open: Record<Stream, { decoder: StringDecoder; line: string }> = {
    out: { decoder: new StringDecoder('utf8'), line: '' },
    err: { decoder: new StringDecoder('utf8'), line: '' },
  };
  let done = false;
  return (stream, chunk) => {
    if (done) return;
    const side = open[stream];
    const parts = side.decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)).split('\n');
    for (const [index, part] of parts.entries()) {
      if (side.line.length < MAX_LINE) side.line += part.slice(0, MAX_LINE - side.line.length);
      if (index === parts.length - 1) break; // not complete yet
      const line = stripVTControlCharacters(side.line).replace(/\r$/, '');
      side.line = '';
      if (expression.test(line)) {
        done = true;
        onReady(line);
        return;
      }
    }
  };
}

export interface ReadyPipe {
  /** The child's end; closed here once the child has it. */
  readonly childSide: number;
  /** Nobody will write: the spawn failed. */
  cancel(): void;
}

/**
 * s6's way: the child writes a newline to a descriptor. The FIFO at `path` is unlinked before the child sees it; unlike a
 * socket it can be opened again as /dev/fd/N.
 */
export function watchDescriptor(path: string, onReady: OnReady): ReadyPipe {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const childSide = openSync(path, constants.O_WRONLY);
  rmSync(path);
  const socket = new Socket({ fd, readable: true, writable: false });
  socket.on('error', () => socket.destroy()); // then it never says that it is ready, and its start times out
  socket.on('data', (chunk: Buffer) => {
    if (socket.destroyed || !chunk.includes(10)) return;
    socket.destroy();
    onReady(null);
  });
  return { childSide, cancel: () => socket.destroy() };
}

/** Hears Node's message channel: `process.send('ready')`. */
export function watchMessages(expected: string, onReady: OnReady): (message: unknown) => void {
  let done = false;
  return (message) => {
    if (done || message !== expected) return;
    done = true;
    onReady(null);
  };
}
