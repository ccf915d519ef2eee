import type { Socket } from 'node:net';
import type { Failure, FailureKind } from '../../core/failures.ts';
import { FailureError } from '../../core/failures.ts';
import { deadline } from '../deadline.ts';

/**
 * A two-way conversation over a unix socket: one JSON document a line. Each side may ask (`request`, answered within a
 * deadline) and tell (`notify`, not answered). The first message of each side is its `hello`.
 */

/** The methods that one side answers: name → what it takes and gives. */
export type Methods = Readonly<Record<string, { readonly params: unknown; readonly result: unknown }>>;
/** The notices that one side sends: name → what they carry. */
export type Notices = Readonly<Record<string, unknown>>;

type Handlers<M extends Methods> = {
  readonly [K in keyof M]: (params: M[K]['params']) => M[K]['result'] | Promise<M[K]['result']>;
};
type Listeners<N extends Notices> = { readonly [K in keyof N]?: (params: N[K]) => void };

type Frame =
  | { readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: Failure }
  | { readonly notice: string; readonly params: unknown };

/** Larger than any honest frame (a whole system's configuration with its environments); a line beyond it ends the talk. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;
/** A peer that does not read what it is sent may fall behind by this much before it is cut off. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
/** The other side begins with the first of many frames while the rest is being made. */
const FIRST_WRITE_CHARS = 512;
const MAX_WRITE_CHARS = 8 * 1024;

export interface ChannelOptions<Local extends Methods, Heard extends Notices> {
  /** What this side answers. */
  readonly methods: Handlers<Local>;
  /** What this side listens to. */
  readonly notices: Listeners<Heard>;
  /** Called once, when the connection has ended for whatever reason. */
  readonly onClose?: (reason: Error | null) => void;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  /** Calls its deadline off. */
  readonly callOff: (() => void) | null;
}

export class Channel<Local extends Methods, Remote extends Methods, Heard extends Notices, Told extends Notices> {
  readonly #socket: Socket;
  readonly #options: ChannelOptions<Local, Heard>;
  readonly #pending = new Map<number, Pending>();
  #chunks: Buffer[] = [];
  /** Complete frames that have not been handled yet, because an answer before them is. */
  readonly #lines: Buffer[] = [];
  #resting = false;
  #buffered = 0;
  #nextId: number;
  /** What is said in one turn goes out in one write: a system call and a wake-up of the other side cost more than its text. */
  #outgoing = '';
  /** What goes out before the turn is over. Grows within it: many small writes cost more than they are early. */
  #enough = FIRST_WRITE_CHARS;
  #closed: Error | null | undefined;

  /** @param nextId of this side's first question here; those before it were put without this channel */
  constructor(socket: Socket, options: ChannelOptions<Local, Heard>, nextId = 1) {
    this.#nextId = nextId;
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => this.#onClose(error));
    socket.on('close', () => this.#onClose(null));
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Asks the other side. Rejects with a `FailureError`: the other side's own, `timed-out` after `timeoutMs`, or `unreachable`
   * when the connection ends. `timeoutMs` null waits for as long as the connection lives (whose end is noticed).
   */
  request<K extends keyof Remote & string>(
    method: K,
    params: Remote[K]['params'],
    timeoutMs: number | null = 10_000,
  ): Promise<Remote[K]['result']> {
    if (this.closed) return Promise.reject(lost(method, this.#closed ?? null));
    const id = this.#nextId++;
    const answer = this.#answerTo(id, method, timeoutMs);
    this.#send({ id, method, params });
    return answer;
  }

  /** The answer to a question that was put, with the next number, before there was this channel. As `request`. */
  answerTo<K extends keyof Remote & string>(
    method: K,
    timeoutMs: number | null = 10_000,
  ): Promise<Remote[K]['result']> {
    return this.#answerTo(this.#nextId++, method, timeoutMs);
  }

  #answerTo<K extends keyof Remote & string>(
    id: number,
    method: K,
    timeoutMs: number | null,
  ): Promise<Remote[K]['result']> {
    return new Promise((resolve, reject) => {
      const callOff =
        timeoutMs === null
          ? null
          : deadline(timeoutMs, () => {
              this.#pending.delete(id);
              reject(failure('timed-out', `no answer to "${method}" within ${timeoutMs} ms`));
            });
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject, callOff });
    });
  }

  /** Tells the other side; never waits. A closed connection swallows it: whoever cares listens to `onClose`. */
  notify<K extends keyof Told & string>(notice: K, params: Told[K]): void {
    if (!this.closed) this.#send({ notice, params });
  }

  /** Ends the conversation after what was already sent. */
  close(): void {
    this.#flush();
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Lets the process end although this conversation is open. */
  unref(): void {
    this.#socket.unref();
  }

  #send(frame: Frame): void {
    if (this.#outgoing === '' && this.#enough === FIRST_WRITE_CHARS) setImmediate(() => this.#endTurn());
    this.#outgoing += `${JSON.stringify(frame)}\n`;
    if (this.#outgoing.length < this.#enough) return;
    this.#flush();
    this.#enough = Math.min(2 * this.#enough, MAX_WRITE_CHARS);
  }

  #endTurn(): void {
    this.#flush();
    this.#enough = FIRST_WRITE_CHARS;
  }

  #flush(): void {
    if (this.#outgoing === '' || this.#socket.writableEnded) return;
    this.#socket.write(this.#outgoing);
    this.#outgoing = '';
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) {
      this.#socket.destroy(new Error(`the other side does not read: ${this.#socket.writableLength} bytes are waiting`));
    }
  }

  #onData(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const head = chunk.subarray(start, end);
      const line = this.#chunks.length === 0 ? head : Buffer.concat([...this.#chunks, head]);
      this.#chunks = [];
      this.#buffered = 0;
      start = end + 1;
      if (line.length > 0) this.#lines.push(line);
    }
    if (start < chunk.length) {
      const rest = chunk.subarray(start);
      this.#chunks.push(rest);
      this.#buffered += rest.length;
      if (this.#buffered > MAX_FRAME_BYTES) {
        this.#socket.destroy(new Error(`a frame of more than ${MAX_FRAME_BYTES} bytes`));
      }
    }
    if (!this.#resting) this.#handleLines();
  }

  /**
   * In the order in which they were sent, to the end: what follows from an answer happens in promises, which have to settle
   * before the next frame, or a notice that was sent after the answer would overtake it. Node runs a tick that a microtask asks
   * for once no microtask is left.
   */
  #handleLines(): void {
    this.#resting = false;
    for (let line = this.#lines.shift(); line; line = this.#lines.shift()) {
      if (!this.#onLine(line) || this.closed) continue;
      this.#resting = true;
      queueMicrotask(() => process.nextTick(() => this.#handleLines()));
      return;
    }
  }

  /** True when it was the answer to a request. */
  #onLine(line: Buffer): boolean {
    let frame: Frame;
    try {
      frame = JSON.parse(line.toString('utf8')) as Frame;
    } catch (cause) {
      this.#socket.destroy(new Error('a frame that is not JSON', { cause }));
      return false;
    }
    if (typeof frame !== 'object' || frame === null) {
      this.#socket.destroy(new Error('a frame that is no object'));
      return false;
    }
    if ('notice' in frame) {
      const { notices } = this.#options;
      if (Object.hasOwn(notices, frame.notice)) notices[frame.notice]?.(frame.params as Heard[string]);
    } else if ('method' in frame) {
      void this.#answer(frame.id, frame.method, frame.params);
    } else {
      const pending = this.#pending.get(frame.id);
      if (!pending) return false; // its deadline has passed
      this.#pending.delete(frame.id);
      pending.callOff?.();
      if ('error' in frame) pending.reject(new FailureError(frame.error));
      else pending.resolve(frame.result);
      return true;
    }
    return false;
  }

  async #answer(id: number, method: string, params: unknown): Promise<void> {
    const handler = Object.hasOwn(this.#options.methods, method) ? this.#options.methods[method] : undefined;
    let frame: Frame;
    try {
      if (!handler)
        throw failure('version-mismatch', `unknown request "${method}": the two sides are of different versions`);
      frame = { id, result: (await handler(params as Local[string]['params'])) ?? null };
    } catch (error) {
      frame = {
        id,
        error:
          error instanceof FailureError
            ? error.failure
            : {
                kind: 'internal',
                message: `internal error in "${method}": ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
                hint: null,
              },
      };
    }
    if (!this.closed) this.#send(frame);
  }

  #onClose(reason: Error | null): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#handleLines(); // what came before the end
    for (const [, pending] of this.#pending) {
      pending.callOff?.();
      pending.reject(lost('a request', reason));
    }
    this.#pending.clear();
    this.#options.onClose?.(reason);
  }
}

function failure(kind: FailureKind, message: string): FailureError {
  return new FailureError({ kind, message, hint: null });
}

function lost(what: string, cause: Error | null): FailureError {
  return new FailureError(
    { kind: 'unreachable', message: `the connection ended before ${what} was answered`, hint: null },
    cause ? { cause } : undefined,
  );
}
