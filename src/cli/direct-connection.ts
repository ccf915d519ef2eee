import { closeSync, existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { askNow, linesOf, sendNow } from '../adapters/control/ask-now.ts';
import type { ControlMethods, ControlNotices } from '../adapters/control/protocol.ts';
import { CONTROL_PROTOCOL } from '../adapters/control/protocol.ts';
import { Channel } from '../adapters/socket/channel.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { SystemEvent } from '../core/events.ts';
import { type Failure, FailureError, fail } from '../core/failures.ts';
import { assertProtocol, type Connection, HELLO_TIMEOUT_MS, type Nothing, silent } from './connection.ts';

/**
 * A conversation with the supervisor that begins without an event loop. To load and connect Node's sockets takes 5 ms: `status` has no
 * other use for them, and `up` not before it has asked.
 */

/** What has been said, and not been answered yet. */
export interface Greeting {
  readonly fd: number;
  readonly asksStatus: boolean;
}

const HELLO = 1;
const NEXT = 2;

/** Connects and says hello, and asks for the status in the same breath if that is all that is wanted. null: by this way it cannot be. */
export function greetNow(folder: StateFolder, version: string, asksStatus: boolean): Greeting | null {
  if (!existsSync(folder.supervisorSocket)) return null;
  const hello = { id: HELLO, method: 'hello', params: { protocol: CONTROL_PROTOCOL, version } };
  const status = { id: NEXT, method: 'status', params: null };
  const text = (asksStatus ? [hello, status] : [hello]).map(lineOf).join('');
  const fd = askNow(folder.supervisorSocket, text, HELLO_TIMEOUT_MS);
  return fd === null ? null : { fd, asksStatus };
}

const lineOf = (question: object): string => `${JSON.stringify(question)}\n`;

/** Waits for the answer to hello, and nothing else happens meanwhile. As `connectSupervisor`. */
export function answered(folder: StateFolder, version: string, { fd, asksStatus }: Greeting): Connection | null {
  const talk = new DirectTalk(folder, fd);
  try {
    const hello = talk.answerTo(HELLO, 'hello') as Hello;
    assertProtocol(hello, version);
    return asksStatus ? statusAsked(talk, hello) : goingOn(talk, hello);
  } catch (error) {
    talk.close();
    if (error instanceof FailureError && error.failure.kind === 'unreachable' && !isTimeout(error.cause)) return null; // It was ending just then.
    throw error;
  }
}

type Hello = ControlMethods['hello']['result'];

/** Asked for the status already, and for nothing else: that needs no event loop to its end. */
function statusAsked(talk: DirectTalk, hello: Hello): Connection {
  const request = async <K extends keyof ControlMethods & string>(method: K): Promise<ControlMethods[K]['result']> =>
    method === 'status'
      ? (talk.answerTo(NEXT, method) as ControlMethods[K]['result'])
      : fail('unreachable', `"${method}" has to be asked by another connection`);
  return { hello, notice: null, closed: talk.closed, request, onEvent: () => {}, close: () => talk.close() };
}

/** Puts its first question like that, and is a conversation like every other from then on. */
function goingOn(talk: DirectTalk, hello: Hello): Connection {
  let listener: (event: SystemEvent) => void = () => {};
  let channel: Channel<Nothing, ControlMethods, ControlNotices, Nothing> | null = null;
  return {
    hello,
    notice: null,
    closed: talk.closed,
    request: async (method, params, timeoutMs) => {
      if (channel) return channel.request(method, params, timeoutMs);
      const rest = talk.ask(NEXT, method, params);
      const notices = { event: (event: SystemEvent) => listener(event) };
      channel = new Channel(talk.handOver(rest), { methods: {}, notices, onClose: () => talk.hasEnded() }, NEXT);
      return channel.answerTo(method, timeoutMs);
    },
    onEvent: (given) => {
      listener = given;
    },
    close: () => (channel ?? talk).close(),
  };
}

class DirectTalk {
  readonly closed: Promise<void>;
  readonly #folder: StateFolder;
  readonly #fd: number;
  readonly #lines: Iterator<string, void>;
  #hasEnded = false;
  #onClosed = (): void => {};

  constructor(folder: StateFolder, fd: number) {
    this.#folder = folder;
    this.#fd = fd;
    this.#lines = linesOf(fd);
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  /** Answers what the other side has not taken yet. */
  ask(id: number, method: string, params: unknown): Buffer {
    if (this.#hasEnded) endedBefore(method);
    return this.#orClose(method, () => sendNow(this.#fd, lineOf({ id, method, params })));
  }

  answerTo(id: number, method: string): unknown {
    return this.#orClose(method, () => {
      for (let next = this.#lines.next(); !next.done; next = this.#lines.next()) {
        const frame = JSON.parse(next.value) as { id?: number; error?: Failure; result?: unknown };
        if (frame.id !== id) continue;
        if (frame.error) throw new FailureError(frame.error);
        return frame.result;
      }
      return endedBefore(method);
    });
  }

  /** The other side has said nothing that was not read: it answers, and tells nobody who has not asked for it. */
  handOver(rest: Buffer): Socket {
    const { Socket } = process.getBuiltinModule('node:net');
    const socket = new Socket({ fd: this.#fd });
    if (rest.length > 0) socket.write(rest);
    return socket;
  }

  hasEnded(): void {
    this.#hasEnded = true;
    this.#onClosed();
  }

  close(): void {
    if (!this.#hasEnded) closeSync(this.#fd);
    this.hasEnded();
  }

  /** What fails is over: nothing more is to be had from it. */
  #orClose<T>(method: string, act: () => T): T {
    try {
      return act();
    } catch (error) {
      this.close();
      if (error instanceof FailureError) throw error;
      if (!isTimeout(error)) return endedBefore(method, error);
      if (method === 'status')
        return fail('timed-out', `no answer to "status" within ${HELLO_TIMEOUT_MS} ms`, null, error);
      return silent(this.#folder, error);
    }
  }
}

const endedBefore = (method: string, cause?: unknown): never =>
  fail('unreachable', `the connection ended before "${method}" was answered`, null, cause);

/** Nothing was said, or taken, in time. */
const isTimeout = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && error.code === 'EAGAIN';
