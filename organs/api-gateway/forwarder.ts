import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { messageOf, OrganError, type ServiceInstance, Unavailable } from '../kit/index.ts';
import type { Exchange } from './exchange.ts';
import { responseHeaders } from './headers.ts';
import type { Instances } from './instances.ts';
import type { Route } from './route.ts';
import type { Routes } from './routes.ts';
import { type Answer, type Body, CallerLeft, NoAnswer, type Sending, send } from './upstream.ts';

/** Asking twice for the same comes to the same (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const UNAVAILABLE = new Set([502, 503, 504]);
/** A body up to this size is kept, so that it can be sent once more; an answer, so that it is passed on whole or asked for anew. */
const KEPT_BYTES = 64 * 1024;
const MOST_ATTEMPTS = 4;

export interface Request {
  readonly exchange: Exchange;
  readonly route: Route;
  /** Behind the prefix, with the query. */
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly signal: AbortSignal;
}

export interface Limits {
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
}

/** Brings requests to instances, and their answers back. */
export class Forwarder {
  readonly #routes: Routes;
  readonly #instances: Instances;
  readonly #limits: Limits;

  constructor(routes: Routes, instances: Instances, limits: Limits) {
    this.#routes = routes;
    this.#instances = instances;
    this.#limits = limits;
  }

  /** Answers the caller. Throws Unavailable when no instance could, and whatever broke an answer that had begun. */
  async forward(incoming: IncomingMessage, response: ServerResponse, request: Request): Promise<void> {
    const { exchange, signal } = request;
    const body = await bodyOf(incoming, exchange.method);
    const replayable = IDEMPOTENT.has(exchange.method) && body.kind !== 'stream';
    await this.#untilAnswered(request, replayable, async (sending, isLast) => {
      const { response: answer } = await sending(body);
      if (replayable && UNAVAILABLE.has(answer.statusCode ?? 0) && !isLast()) {
        answer.destroy();
        throw new NoAnswer(`answered ${answer.statusCode}`, { wasSent: true, onKeptConnection: false });
      }
      await relay(answer, response, exchange, replayable);
    });
    signal.throwIfAborted();
  }

  /** As `forward`, for a request that asks for another protocol: resolves with the answer's head, and the connection. */
  async upgrade(request: Request): Promise<Answer> {
    let answer: Answer | undefined;
    await this.#untilAnswered(request, true, async (sending) => {
      answer = await sending({ kind: 'none' });
    });
    return answer as Answer;
  }

  /** Asks one instance after the other; a request that may have reached one is not sent again unless `replayable`. */
  async #untilAnswered(
    { exchange, route, path, headers, signal }: Request,
    replayable: boolean,
    ask: (send: (body: Body) => Promise<Answer>, isLast: () => boolean) => Promise<void>,
  ): Promise<void> {
    const tried = new Set<string>();
    const failures: string[] = [];
    while (tried.size < MOST_ATTEMPTS) {
      const instance = await this.#choose(route, tried);
      if (!instance) break;
      tried.add(instance.url);
      exchange.instance = instance.instance;
      exchange.attempts += 1;
      const sending: Omit<Sending, 'body'> = {
        ...this.#limits,
        ...{ url: instance.url, method: exchange.method, path, headers, replayable, signal },
      };
      const isLast = () =>
        tried.size >= MOST_ATTEMPTS || this.#instances.next(this.#routes.current(route), tried) === null;
      try {
        return await ask((body) => this.#instances.run(instance, () => send({ ...sending, body })), isLast);
      } catch (error) {
        const notSent = wasNotSent(error);
        if (!notSent && !(error instanceof NoAnswer)) throw error;
        failures.push(`${instance.instance}: ${messageOf(error)}`);
        void this.#routes.refresh();
        if (!notSent && !replayable) {
          throw new Unavailable(
            `${route.organ} broke off, it may or may not have carried this out (${failures.join('; ')})`,
          );
        }
      }
    }
    throw new Unavailable(
      failures.length > 0
        ? `${route.organ} cannot be reached: ${failures.join('; ')}`
        : `no instance of ${route.organ} is ready`,
    );
  }

  /** When none is left of those that are known, the registry may know another. */
  async #choose(route: Route, tried: ReadonlySet<string>): Promise<ServiceInstance | null> {
    const known = this.#instances.next(this.#routes.current(route), tried);
    if (known) return known;
    await this.#routes.readAnew();
    return this.#instances.next(this.#routes.current(route), tried);
  }
}

async function bodyOf(incoming: IncomingMessage, method: string): Promise<Body> {
  const { 'content-length': length, 'transfer-encoding': encoding } = incoming.headers;
  if (encoding === undefined && (length === undefined || Number(length) === 0)) return { kind: 'none' };
  if (encoding === undefined && IDEMPOTENT.has(method) && Number(length) <= KEPT_BYTES) {
    const bytes = await buffer(incoming).catch((cause) => {
      throw new CallerLeft('the caller left', { cause });
    });
    return { kind: 'kept', bytes };
  }
  return { kind: 'stream', stream: incoming };
}

/** Passes an answer on as it comes; a small one to what can be asked again, once all of it is there. */
async function relay(
  answer: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
  replayable: boolean,
): Promise<void> {
  const status = answer.statusCode ?? 502;
  const headers = responseHeaders(answer.headers, exchange.id);
  if (status === 503) headers['retry-after'] ??= '1';
  const length = Number(answer.headers['content-length'] ?? Number.NaN);
  const isEmpty = exchange.method === 'HEAD' || status === 204 || status === 304;
  if (replayable && (isEmpty || length <= KEPT_BYTES)) {
    const bytes = await buffer(answer).catch((cause: Error) => {
      throw new NoAnswer(`broke off: ${cause.message}`, { wasSent: true, onKeptConnection: false }, { cause });
    });
    exchange.bytes = bytes.length;
    response.writeHead(status, headers).end(bytes);
    return;
  }
  response.writeHead(status, headers);
  response.flushHeaders();
  answer.on('data', (chunk: Buffer) => {
    exchange.bytes += chunk.length;
  });
  await pipeline(answer, response);
}

function wasNotSent(error: unknown): boolean {
  if (error instanceof OrganError) return false;
  if (error instanceof NoAnswer) return !error.wasSent;
  return (error as { code?: string }).code === 'EOPENBREAKER';
}
