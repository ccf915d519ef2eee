import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Which TCP sockets of this machine listen, and whose they are. Linux only (/proc); elsewhere nothing is known. */

export interface Listening {
  readonly inode: string;
  readonly port: number;
  readonly address: string;
  /** Only programs of this machine can reach it. */
  readonly loopback: boolean;
}

const LISTEN = '0A';

/** Every listening socket; empty where there is no /proc. */
export function listeningSockets(): Listening[] {
  return [...table('/proc/net/tcp'), ...table('/proc/net/tcp6')];
}

function table(path: string): Listening[] {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch {
    return []; // no /proc, or no IPv6
  }
  return text
    .split('\n')
    .slice(1)
    .filter((line) => line.includes(` ${LISTEN} `)) // most are connections
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTEN)
    .map((fields) => {
      const [hex = '', port = ''] = fields[1]!.split(':');
      const address = hex.length === 8 ? ipv4(hex) : ipv6(hex);
      return {
        inode: fields[9]!,
        port: Number.parseInt(port, 16),
        address,
        loopback: address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.'),
      };
    });
}

/** The kernel prints each 32-bit word in the machine's own byte order; every machine that Node runs on here is little endian. */
function bytesOf(hex: string): number[] {
  const words = hex.match(/.{8}/g) ?? [];
  return words.flatMap((word) => (word.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).reverse());
}

const ipv4 = (hex: string): string => bytesOf(hex).join('.');

function ipv6(hex: string): string {
  const bytes = bytesOf(hex);
  if (bytes.every((byte) => byte === 0)) return '::';
  if (bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return '::1';
  if (bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff)
    return `::ffff:${bytes.slice(12).join('.')}`;
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! * 256 + bytes[2 * i + 1]!).toString(16));
  return groups.join(':');
}

/** The inodes of the sockets that a process holds; empty when it is gone or another user's. */
export function socketsOf(pid: number): Set<string> {
  const inodes = new Set<string>();
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode) inodes.add(inode);
    }
  } catch {
    // Gone meanwhile, or not ours to see.
  }
  return inodes;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}

/** Who listens on a TCP port of this machine, as far as this user may see. */
export function whoListens(port: number): { readonly pid: number; readonly command: string } | null {
  const inodes = listeningSockets().flatMap((socket) => (socket.port === port ? [socket.inode] : []));
  if (inodes.length === 0) return null;
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const held = socketsOf(pid);
    if (inodes.some((inode) => held.has(inode))) return { pid, command: commandOf(pid) };
  }
  return null;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'gone meanwhile';
  }
}
