import { closeSync } from 'node:fs';
import { loadLibc } from '../libc.ts';

/**
 * A socket bound to a port of 127.0.0.1, for `server.listen({ fd })`. Node, which is given an address as text, makes sure that it is one
 * by patterns whose first use takes 5 ms, between the configuration and the first organ.
 */

export const LOOPBACK = '127.0.0.1';

/** Linux' own numbers. */
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

/** Its descriptor, or why the port cannot be had; null: by this way it cannot be tried on this machine. */
export function bindLoopback(port: number): number | NodeJS.ErrnoException | null {
  calls ??= bindCalls();
  if (!calls) return null;
  const { socket, setsockopt, bind, lastError } = calls;
  const fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return null;
  // As Node does: what is left of the connections of an earlier listener does not keep its port.
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, new Int32Array([1]), 4);
  const address = Buffer.alloc(16); // struct sockaddr_in
  new Uint16Array(address.buffer, address.byteOffset, 1)[0] = AF_INET;
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  if (bind(fd, address, address.length) === 0) return fd;
  const code = lastError();
  closeSync(fd);
  return Object.assign(new Error(`bind ${code}: ${LOOPBACK}:${port}`), { code });
}

let calls: ReturnType<typeof bindCalls> | undefined;

function bindCalls() {
  const libc = process.platform === 'linux' ? loadLibc() : null;
  const socket = libc?.bind('int socket(int domain, int type, int protocol)');
  const setsockopt = libc?.bind('int setsockopt(int fd, int level, int name, void *value, uint size)');
  const bind = libc?.bind('int bind(int fd, void *address, uint size)');
  return libc && socket && setsockopt && bind ? { socket, setsockopt, bind, lastError: libc.lastError } : null;
}
