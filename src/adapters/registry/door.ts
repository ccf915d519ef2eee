import type { Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { FailureError } from '../../core/failures.ts';
import { whoListens } from '../sockets-table.ts';
import { bindLoopback, LOOPBACK } from './loopback.ts';

/** The registry's port, taken before there is a server: whoever knocks early waits until one has been loaded that answers. */

/** Where `auto` begins to look. */
const FIRST_PORT = 3200;
const LAST_PORT = 65_535;

export interface Door {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** Resolves when somebody knocks. */
  readonly knock: Promise<void>;
  /** From now on `server` answers here, those too who have been waiting. */
  handTo(server: HttpServer): Promise<void>;
  /** Only for a door that was never handed to a server. */
  close(): void;
}

/** @param remembered the port of the last time: `auto` takes it again unless somebody has it */
export interface DoorWish {
  readonly host: string;
  readonly port: number | 'auto';
  readonly remembered?: number | null;
}

/**
 * Listens. `auto` takes the first port that can be had, by having it: another system that looks at the same moment goes on to
 * the next. Rejects with a FailureError when there is none, or the one that was asked for cannot be had.
 */
export async function openDoor({ host, port, remembered = null }: DoorWish): Promise<Door> {
  const wanted = port === 'auto' ? candidates(remembered) : [port];
  for (const each of wanted) {
    const door = await tryDoor(host, each);
    if (!(door instanceof Error)) return door;
    const mayBeNext = port === 'auto' && (door.code === 'EADDRINUSE' || door.code === 'EACCES');
    if (!mayBeNext) return refused(host, each, door);
  }
  return refused(host, port, new Error(`no port from ${FIRST_PORT} upwards is free`));
}

function* candidates(remembered: number | null): Generator<number> {
  if (remembered !== null) yield remembered;
  for (let port = FIRST_PORT; port <= LAST_PORT; port++) yield port;
}

async function tryDoor(host: string, port: number): Promise<Door | NodeJS.ErrnoException> {
  const waiting: Socket[] = [];
  const knock = Promise.withResolvers<void>();
  // Not read until there is somebody to read it: an HTTP server takes over from the first byte.
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    waiting.push(socket);
    knock.resolve();
  });
  const error = await listen(server, host, port);
  if (error) return error;
  const { port: taken } = server.address() as AddressInfo; // another one only for 0, any
  return {
    host,
    port: taken,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    knock: knock.promise,
    async handTo(http) {
      await new Promise<void>((resolve, reject) => {
        http.once('error', reject);
        http.listen(server, () => {
          http.off('error', reject);
          resolve();
        });
      });
      for (const socket of waiting.splice(0)) {
        http.emit('connection', socket);
        socket.resume();
      }
    },
    close() {
      for (const socket of waiting.splice(0)) socket.destroy();
      server.close();
    },
  };
}

/** null when it listens. */
function listen(server: Server, host: string, port: number): Promise<NodeJS.ErrnoException | null> {
  const bound = host === LOOPBACK ? bindLoopback(port) : null;
  if (bound instanceof Error) return Promise.resolve(bound);
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen(bound === null ? { host, port, exclusive: true } : { fd: bound }, () => {
      server.off('error', resolve);
      resolve(null);
    });
  });
}

function refused(host: string, port: number | 'auto', cause: NodeJS.ErrnoException): never {
  throw new FailureError(
    {
      kind: 'boot-failed',
      message: `cannot serve the registry at ${host}:${port}: ${reasonOf(cause, port)}`,
      hint: 'Free the port, or set registry.port to another or to auto.',
    },
    { cause },
  );
}

function reasonOf({ code, message }: NodeJS.ErrnoException, port: number | 'auto'): string {
  if (code !== 'EADDRINUSE' || port === 'auto') return message;
  const who = whoListens(port);
  return `the port is in use${who ? ` by pid ${who.pid} (${who.command})` : ''}`;
}
