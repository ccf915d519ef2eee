import { closeSync, existsSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { askNow, linesOf } from '../adapters/control/ask-now.ts';
import type { ControlMethods, ControlNotices } from '../adapters/control/protocol.ts';
import { CONTROL_PROTOCOL } from '../adapters/control/protocol.ts';
import { deadline } from '../adapters/deadline.ts';
import { Channel } from '../adapters/socket/channel.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { SystemEvent } from '../core/events.ts';
import { type Failure, FailureError, fail } from '../core/failures.ts';

type StatusWish = ControlMethods['status']['params'];

/** Asking nothing and telling nothing: what a command answers to the other side. */
export type Nothing = Record<never, never>;

/** A supervisor accepts at once and answers hello from memory; one that does not is paused or wedged. */
const HELLO_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 2_000;

/** A conversation with the supervisor, after both said hello. */
export interface Connection {
  readonly hello: ControlMethods['hello']['result'];
  /** What whoever uses it should say to the user. */
  readonly notice: string | null;
  /** Asks; see `Channel.request` about `timeoutMs` and failures. */
  request<K extends keyof ControlMethods & string>(
    method: K,
    params: ControlMethods[K]['params'],
    timeoutMs?: number | null,
  ): Promise<ControlMethods[K]['result']>;
  /** Hears events from here on; one listener, set before `subscribe` is asked for. */
  onEvent(listener: (event: SystemEvent) => void): void;
  /** Resolves when the conversation has ended, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

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
  const questions = [
    { id: HELLO, method: 'hello', params: { protocol: CONTROL_PROTOCOL, version } },
    { id: STATUS, method: 'status', params: null },
  ];
  const text = questions.map((question) => `${JSON.stringify(question)}\n`).join('');
  const fd = existsSync(folder.supervisorSocket) ? askNow(folder.supervisorSocket, text, HELLO_TIMEOUT_MS) : null;
  if (fd === null) return false;
  ahead = { socket: folder.supervisorSocket, connection: async () => answered(folder, version, fd) };
  return true;
}
const HELLO = 1;
const STATUS = 2;

function answered(folder: StateFolder, version: string, fd: number): Connection | null {
  const lines = linesOf(fd);
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(fd);
    isOpen = false;
    onClosed();
  };
  const answerTo = (id: number, method: string): unknown => {
    for (let next = lines.next(); !next.done; next = lines.next()) {
      const frame = JSON.parse(next.value) as { id?: number; error?: Failure; result?: unknown };
      if (frame.id !== id) continue;
      if (frame.error) throw new FailureError(frame.error);
      return frame.result;
    }
    return fail('unreachable', `the connection ended before "${method}" was answered`);
  };
  /** What fails is over: nothing more is to be had from it. */
  const orClose = <T>(ask: () => T): T => {
    try {
      return ask();
    } catch (error) {
      close();
      throw error;
    }
  };
  const request = async <K extends keyof ControlMethods & string>(method: K): Promise<ControlMethods[K]['result']> => {
    if (method !== 'status') return fail('unreachable', `"${method}" has to be asked by another connection`);
    try {
      return orClose(() => answerTo(STATUS, method) as ControlMethods[K]['result']);
    } catch (error) {
      if (!isTimeout(error)) throw error;
      return fail('timed-out', `no answer to "status" within ${HELLO_TIMEOUT_MS} ms`, null, error);
    }
  };
  try {
    const hello = orClose(() => {
      const answer = answerTo(HELLO, 'hello') as ControlMethods['hello']['result'];
      assertProtocol(answer, version);
      return answer;
    });
    return { hello, notice: null, closed, request, onEvent: () => {}, close };
  } catch (error) {
    if (isTimeout(error)) return silent(folder, error);
    if (error instanceof FailureError && error.failure.kind === 'unreachable') return null; // It was ending just then.
    throw error;
  }
}

/** No answer came in time. */
const isTimeout = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && error.code === 'EAGAIN';

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

function assertProtocol(hello: ControlMethods['hello']['result'], version: string): void {
  if (hello.protocol === CONTROL_PROTOCOL) return;
  fail(
    'version-mismatch',
    `the supervisor (pid ${hello.pid}) is azora ${hello.version} and speaks protocol ${hello.protocol}; this is azora ${version} with protocol ${CONTROL_PROTOCOL}`,
    `Use azora ${hello.version} for this system, or end it with that version's \`azora down\` first.`,
  );
}

function silent(folder: StateFolder, cause: Error): never {
  const pid = ownerOf(folder.supervisorLock);
  fail(
    'unreachable',
    `the supervisor${pid === null ? '' : ` (pid ${pid})`} took the connection but said nothing for ${HELLO_TIMEOUT_MS / 1000} s: it is paused or stuck`,
    pid === null
      ? null
      : `If it is paused: kill -CONT ${pid}. Ending it is safe, organs run on and a new one takes over: kill -9 ${pid}`,
    cause,
  );
}

/** The pid that a lock file names, for messages only. */
function ownerOf(lock: string): number | null {
  try {
    return Number.parseInt(readFileSync(lock, 'utf8'), 10) || null;
  } catch {
    return null; // No lock file, or not readable: the message does without the pid.
  }
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
