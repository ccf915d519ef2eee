import { loadLibc } from './libc.ts';

/** Telling systemd how a service is (sd_notify(3)): a datagram to the unix socket that $NOTIFY_SOCKET names. */

const AF_UNIX = 1;
/** With SOCK_CLOEXEC. */
const SOCK_DGRAM = 2 | 0o2000000;

/** Sends `message` (`READY=1`). Answers what went wrong, or null: whoever started a service that notifies waits for it. */
export function notifyServiceManager(socket: string, message: string): string | null {
  const libc = loadLibc();
  const open = libc?.bind('int socket(int domain, int type, int protocol)');
  const send = libc?.bind('long sendto(int fd, const void *data, size_t length, int flags, const void *to, uint size)');
  const close = libc?.bind('int close(int fd)');
  if (!libc || !open || !send || !close) return 'the C library cannot be called on this machine';
  const fd = open(AF_UNIX, SOCK_DGRAM, 0);
  if (fd < 0) return `socket: ${libc.lastError()}`;
  try {
    const address = socketAddress(socket);
    const data = Buffer.from(message);
    return send(fd, data, data.length, 0, address, address.length) < 0 ? `${socket}: ${libc.lastError()}` : null;
  } finally {
    close(fd);
  }
}

/** struct sockaddr_un of Linux; a name that begins with `@` is in the abstract namespace. */
function socketAddress(socket: string): Buffer {
  const name = Buffer.from(socket);
  if (name[0] === 0x40) name[0] = 0;
  const family = Buffer.alloc(2);
  new Uint16Array(family.buffer, family.byteOffset, 1)[0] = AF_UNIX;
  return Buffer.concat([family, name]);
}
