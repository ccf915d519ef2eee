import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { ControlMethods, ControlNotices } from '../adapters/control/protocol.ts';
import { CONTROL_PROTOCOL } from '../adapters/control/protocol.ts';
import { deadline } from '../adapters/deadline.ts';
import { Channel } from '../adapters/socket/channel.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { SystemEvent } from '../core/events.ts';
import { FailureError } from '../core/failures.ts';
import { assertProtocol, type Connection, HELLO_TIMEOUT_MS, type Nothing, silent } from './connection.ts';
import { answered, greetNow } from './direct-connection.ts';

type StatusWish = ControlMethods['status']['params'];

const CONNECT_TIMEOUT_MS = 2_000;

let ahead: { readonly socket: string; readonly connection: () => Promise<Connection | null> } | null = null;

/**
 * Connects and asks for the status before it is known who wants it: the next `connectSupervisor` to the same socket gets this
 * connection, and its first request for the status this answer. Resolves when the question is on its way. Never rejects.
 */
export async function askStatusAhead(folder: StateFolder, version: string, wish: StatusWish): Promise<void> {
  const opened = openSocket(folder.supervisorSocket);
  const connection = opened.then((socket) => socket && converse(folder, version, socket, wish));
  connection.catch(() => {}); // said to whoever takes it up
  ahead = { socket: folder.supervisorSocket, connection: () => connection };
  await opened.catch(() => {});
  await new Promise((resolve) => setImmediate(resolve)); // what is said in one turn goes out at its end
}

/**
 * As `askStatusAhead`, for a command that asks nothing else: the answer is read when it is asked for, and until then nothing needs an event
 * loop. Whatever else is asked of this connection is `unreachable`. False: it cannot be asked so.
 */
export function askStatusNow(folder: StateFolder, version: string): boolean {
  const greeting = greetNow(folder, version, true);
  if (greeting === null) return false;
  ahead = { socket: folder.supervisorSocket, connection: async () => answered(folder, version, greeting) };
  return true;
}

/**
 * Connects to the supervisor of a state folder; null when none listens. Fails with `unreachable` when one is there and does not
 * talk, and `version-mismatch` when it speaks another protocol.
 */
export async function connectSupervisor(folder: StateFolder, version: string): Promise<Connection | null> {
  const begun = ahead?.socket === folder.supervisorSocket ? ahead.connection : null;
  ahead = null;
  if (begun) return begun();
  const socket = await openSocket(folder.supervisorSocket);
  return socket && converse(folder, version, socket, null);
}

async function converse(
  folder: StateFolder,
  version: string,
  socket: Socket,
  ahead: StatusWish | null,
): Promise<Connection | null> {
  let listener: (event: SystemEvent) => void = () => {};
  let onClosed = (): void => {};
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  const channel = new Channel<Nothing, ControlMethods, ControlNotices, Nothing>(socket, {
    methods: {},
    notices: { event: (event) => listener(event) },
    onClose: () => onClosed(),
  });
  const greeting = channel.request('hello', { protocol: CONTROL_PROTOCOL, version }, HELLO_TIMEOUT_MS);
  let status = ahead && channel.request('status', ahead);
  status?.catch(() => {}); // said to whoever takes it up
  const hello = await greeting.catch((error) => {
    channel.destroy();
    if (!(error instanceof FailureError)) throw error;
    if (error.failure.kind === 'unreachable') return null; // It was ending just then.
    if (error.failure.kind === 'timed-out') return silent(folder, error);
    throw error;
  });
  if (hello === null) return null;
  try {
    assertProtocol(hello, version);
  } catch (error) {
    channel.destroy();
    throw error;
  }
  return {
    hello,
    notice: null,
    closed,
    request: (method, params, timeoutMs) => {
      const asked = method === 'status' ? status : null;
      if (!asked) return channel.request(method, params, timeoutMs);
      status = null;
      return asked as ReturnType<typeof channel.request<typeof method>>;
    },
    onEvent: (given) => {
      listener = given;
    },
    close: () => channel.close(),
  };
}

/** Connects to a unix socket; null when nobody listens there (no file, or one left behind). */
export function openSocket(path: string): Promise<Socket | null> {
  if (!existsSync(path)) return Promise.resolve(null); // the first error that Node makes of it takes 1 ms
  // Loaded here, and not before `up` has started the daemons: it takes 2 ms.
  const { connect } = process.getBuiltinModule('node:net');
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const callOff = deadline(CONNECT_TIMEOUT_MS, () =>
      socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
    );
    socket.once('connect', () => {
      callOff();
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      callOff();
      // Reset: it died before it had taken the connection.
      if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET'].includes(error.code ?? '')) return resolve(null);
      const failure = {
        kind: 'unreachable',
        message: `cannot connect to ${path}: ${error.message}`,
        hint:
          error.code === 'EACCES' ? 'It belongs to another user: run azora as the one who started the system.' : null,
      } as const;
      reject(new FailureError(failure, { cause: error }));
    });
  });
}
