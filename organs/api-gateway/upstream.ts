import { Agent, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { PayloadTooLarge } from '../kit/index.ts';

/** The caller hung up: nobody's failure. */
export class CallerLeft extends Error {}

/** The instance gave no answer. Unless `wasSent`, it has seen nothing of the request. */
export class NoAnswer extends Error {
  readonly wasSent: boolean;
  /** On a connection kept from before, which the instance may have closed a moment ago. */
  readonly onKeptConnection: boolean;

  constructor(message: string, facts: { wasSent: boolean; onKeptConnection: boolean }, options?: ErrorOptions) {
    super(message, options);
    this.wasSent = facts.wasSent;
    this.onKeptConnection = facts.onKeptConnection;
  }
}

export type Body =
  | { readonly kind: 'none' }
  /** Small enough to be kept, and sent again. */
  | { readonly kind: 'kept'; readonly bytes: Buffer }
  | { readonly kind: 'stream'; readonly stream: IncomingMessage };

export interface Sending {
  /** Of the instance. */
  readonly url: string;
  readonly method: string;
  /** Path and query, sent as they are. */
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Body;
  /** Whether it may be sent twice. */
  readonly replayable: boolean;
  /** From the end of the request to the head of the answer. */
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly signal: AbortSignal;
}

/** What asks an instance to speak another protocol also gets the connection. */
export interface Answer {
  readonly response: IncomingMessage;
  readonly upgraded: { readonly socket: Socket; readonly head: Buffer } | null;
}

const kept = new Agent({ keepAlive: true, maxFreeSockets: 64 });

/**
 * Sends a request to an instance; resolves with the head of its answer. Rejects with NoAnswer, CallerLeft or PayloadTooLarge.
 * Only what may be sent twice goes over a connection that was kept: the instance may be closing it at this moment.
 */
export async function send(sending: Sending): Promise<Answer> {
  if (!sending.replayable) return attempt(sending, false);
  try {
    return await attempt(sending, kept);
  } catch (error) {
    if (error instanceof NoAnswer && error.onKeptConnection) return attempt(sending, false);
    throw error;
  }
}

export function closeKeptConnections(): void {
  kept.destroy();
}

function attempt(sending: Sending, agent: Agent | false): Promise<Answer> {
  const { url, method, path, headers, body, timeoutMs, maxBodyBytes, signal } = sending;
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new CallerLeft('the caller left'));
    const request = httpRequest({
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      method,
      path: `${pathname.replace(/\/$/, '')}${path}`,
      // An organ that refuses a body can only say so on a connection that it need not close first.
      headers: { ...headers, connection: headers.connection ?? 'keep-alive' },
      agent,
    });
    let wasSent = false;
    let isSettled = false;
    let timer: NodeJS.Timeout | undefined;
    const leave = () => request.destroy(new CallerLeft('the caller left'));

    const settle = (act: () => void) => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      act();
    };
    const fail = (cause: Error) =>
      settle(() => {
        signal.removeEventListener('abort', leave);
        if (body.kind === 'stream') body.stream.unpipe(request);
        if (cause instanceof CallerLeft || cause instanceof PayloadTooLarge) return reject(cause);
        reject(new NoAnswer(cause.message, { wasSent, onKeptConnection: request.reusedSocket }, { cause }));
      });

    const begin = () => {
      wasSent = true;
      if (body.kind === 'stream') pump(body.stream, request, maxBodyBytes);
      else request.end(body.kind === 'kept' ? body.bytes : undefined);
    };
    request.once('socket', (socket) => (socket.connecting ? socket.once('connect', begin) : begin()));
    request.once('finish', () => {
      if (isSettled) return;
      timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    });
    signal.addEventListener('abort', leave, { once: true });
    request.on('error', fail); // stays: the connection may break after the answer has come
    request.once('close', () => {
      signal.removeEventListener('abort', leave);
      fail(new Error('the connection was closed without an answer'));
    });
    request.once('response', (response) => settle(() => resolve({ response, upgraded: null })));
    request.once('upgrade', (response, socket, head) =>
      settle(() => {
        signal.removeEventListener('abort', leave);
        resolve({ response, upgraded: { socket, head } });
      }),
    );
  });
}

/** Passes a body on as fast as it is taken, up to `maxBytes`. The caller's connection outlives the instance's. */
function pump(stream: IncomingMessage, request: ReturnType<typeof httpRequest>, maxBytes: number): void {
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBytes) return;
    stream.unpipe(request);
    request.destroy(new PayloadTooLarge(`the body is over ${maxBytes} bytes`));
  });
  stream.once('error', () => request.destroy(new CallerLeft('the caller left')));
  stream.pipe(request);
  request.once('close', () => {
    stream.unpipe(request);
    stream.resume(); // what nobody wants must still be read, or the caller never reads the answer
  });
}
