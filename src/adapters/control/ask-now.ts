import { closeSync, constants, readSync, writeSync } from 'node:fs';
import { loadLibc } from '../libc.ts';

/**
 * A unix socket that is connected, written and read without an event loop, for a command whose first question is due before it has any
 * other use for Node's sockets: these take 4 ms to be loaded and connected, this takes 1.
 */

/** Linux' own numbers. */
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const F_SETFL = 4;
/** What struct sockaddr_un has room for, with the zero behind it. */
const MAX_PATH_BYTES = 108;
const READ_BYTES = 64 * 1024;

/** Whether there is this way on this machine. */
export const canAskNow = (): boolean => process.platform === 'linux' && loadLibc() !== null;

/**
 * Connects and sends the text. Its descriptor, for `linesOf`; null: by this way it cannot be, and Node's sockets say why.
 * @param timeoutMs for the connection, and for each of the waits for an answer
 */
export function askNow(path: string, text: string, timeoutMs: number): number | null {
  const libc = process.platform === 'linux' ? loadLibc() : null;
  const socket = libc?.bind('int socket(int domain, int type, int protocol)');
  const setsockopt = libc?.bind('int setsockopt(int fd, int level, int name, void *value, uint size)');
  const connect = libc?.bind('int connect(int fd, void *address, uint size)');
  const name = Buffer.from(`${path}\0`);
  const bytes = Buffer.from(text);
  if (!socket || !setsockopt || !connect || name.length > MAX_PATH_BYTES) return null;
  const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return null;
  const wait = new BigInt64Array([BigInt(Math.floor(timeoutMs / 1000)), BigInt((timeoutMs % 1000) * 1000)]); // struct timeval
  for (const which of [SO_RCVTIMEO, SO_SNDTIMEO]) setsockopt(fd, SOL_SOCKET, which, wait, wait.byteLength);
  const address = Buffer.concat([Buffer.from(new Uint16Array([AF_UNIX]).buffer), name]);
  try {
    if (connect(fd, address, address.length) === 0) {
      for (let at = 0; at < bytes.length; ) at += unlessInterrupted(() => writeSync(fd, bytes, at));
      return fd;
    }
  } catch {
    // It ended just then.
  }
  closeSync(fd);
  return null;
}

/**
 * Sends as much as is taken at once, and never waits from then on: what is left is for Node's socket to send. Throws the system's EPIPE
 * when the other side has ended.
 */
export function sendNow(fd: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  loadLibc()?.fcntl(fd, F_SETFL, constants.O_NONBLOCK);
  let at = 0;
  try {
    while (at < bytes.length) at += unlessInterrupted(() => writeSync(fd, bytes, at));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
  return bytes.subarray(at);
}

/** The lines that come, until the other side ends. Throws the system's EAGAIN when none has come in time. */
export function* linesOf(fd: number): Generator<string> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let chunks: Buffer[] = [];
  for (;;) {
    const count = readNext(fd, buffer);
    if (count === 0) return;
    let start = 0;
    for (let end = buffer.indexOf(10); end !== -1 && end < count; end = buffer.indexOf(10, start)) {
      yield Buffer.concat([...chunks, buffer.subarray(start, end)]).toString();
      chunks = [];
      start = end + 1;
    }
    chunks.push(Buffer.from(buffer.subarray(start, count)));
  }
}

/** 0 at the end. Whoever dies with a question unread resets the connection instead of ending it. */
function readNext(fd: number, buffer: Buffer): number {
  try {
    return unlessInterrupted(() => readSync(fd, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return 0;
    throw error;
  }
}

/** A signal that is heard interrupts what is not waited for without end, and the system does not take that up again. */
function unlessInterrupted(call: () => number): number {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EINTR') throw error;
    }
  }
}
