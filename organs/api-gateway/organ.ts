import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type Client,
  type Health,
  NotFound,
  type Organ,
  OrganError,
  PayloadTooLarge,
  TokenVerifier,
  Unavailable,
} from '../kit/index.ts';
import { Access, RateExceeded } from './access.ts';
import { AccessLog } from './access-log.ts';
import { beginExchange, type Exchange } from './exchange.ts';
import { Forwarder, type Request } from './forwarder.ts';
import { requestHeaders } from './headers.ts';
import { Instances } from './instances.ts';
import { Routes } from './routes.ts';
import type { Settings } from './settings.ts';
import { targetOf } from './target.ts';
import { Traffic } from './traffic.ts';
import { CallerLeft, closeKeptConnections } from './upstream.ts';
import { headOf, passWebSocket } from './websocket.ts';

export interface GatewayOptions extends Settings {
  /** Reads the registry and finds aegis; it should not cache. */
  readonly client: Client;
  readonly verifier?: TokenVerifier;
  /** How long an instance that failed is left alone; default 1 s. */
  readonly resetMs?: number;
  /** Where the access log goes, default stdout. */
  readonly write?: (text: string) => void;
}

/** Forged tokens that are being reported at a time; a flood of them need not all be. */
const MOST_REPORTS = 4;
const METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** The way in: what comes from outside, checked and counted, goes to the instance that can answer. */
export function apiGateway(options: GatewayOptions): Organ {
  const { client, refreshMs = 1000, timeoutMs = 30_000, maxBodyBytes = 8 * 1024 * 1024, resetMs = 1000 } = options;
  const { verifier = new TokenVerifier(client), write = (text) => process.stdout.write(text) } = options;
  const instances = new Instances(resetMs);
  const routes = new Routes(client, refreshMs, (all) => instances.keepOnly(all));
  const forwarder = new Forwarder(routes, instances, { timeoutMs, maxBodyBytes });
  // Aegis looks out for attacks, and hears of this one only from here.
  let reports = 0;
  const access = new Access(verifier, (token, address) => {
    if (reports >= MOST_REPORTS || token.length > 8192) return;
    reports += 1;
    const headers = { 'x-forwarded-for': address };
    void client
      .call('aegis', '/auth/verify', { method: 'POST', json: { token }, headers })
      .then((response) => response.body?.cancel())
      .catch(() => {}) // it was a service to aegis, which is away
      .finally(() => {
        reports -= 1;
      });
  });
  const log = new AccessLog(write);
  const traffic = new Traffic();

  /** What an instance is to be asked, once it is clear that it may be. */
  const admit = async (incoming: IncomingMessage, exchange: Exchange, signal: AbortSignal): Promise<Request> => {
    const { path, query } = targetOf(incoming.url);
    const { method, address, id } = exchange;
    if (!METHODS.has(method)) throw new OrganError(405, 'method_not_allowed', `${method} is not understood here`);
    const route = await routes.of(path);
    if (!route) {
      if (routes.failure !== null && routes.all.length === 0) throw new Unavailable(routes.failure);
      throw new NotFound(`no organ is behind ${path.slice(0, 200)}`);
    }
    exchange.organ = route.organ;
    const rest = path.slice(route.prefix.length) || '/';
    const principal = await access.admit(incoming, route, rest, address);
    exchange.user = principal?.subject ?? null;
    if (Number(incoming.headers['content-length'] ?? 0) > maxBodyBytes) {
      throw new PayloadTooLarge(`the body is over ${maxBodyBytes} bytes`);
    }
    const headers = requestHeaders(incoming, { id, address, route, principal });
    return { exchange, route, path: `${rest}${query}`, headers, signal };
  };

  const end = (exchange: Exchange) => {
    traffic.count(exchange);
    log.add(exchange);
  };

  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const exchange = beginExchange(incoming);
    const left = new AbortController();
    response.once('close', () => {
      exchange.status = response.headersSent ? response.statusCode : 499; // as nginx has it: the caller closed the request
      if (!response.writableFinished) left.abort(new CallerLeft('the caller left'));
      end(exchange);
    });
    try {
      await forwarder.forward(incoming, response, await admit(incoming, exchange, left.signal));
    } catch (error) {
      exchange.failure = (error as Error).message;
      if (left.signal.aborted || response.destroyed) return;
      if (response.headersSent) return void response.destroy(); // cut off: half an answer must not look like a whole one
      const { status, headers, body } = refusal(error, exchange);
      response.writeHead(status, headers).end(body);
    }
  };

  const upgrade = async (incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const exchange = beginExchange(incoming);
    const left = new AbortController();
    socket.once('close', () => left.abort(new CallerLeft('the caller left')));
    socket.on('error', () => left.abort(new CallerLeft('the caller left')));
    try {
      const request = await admit(incoming, exchange, left.signal);
      await passWebSocket(incoming, socket, head, { forwarder, traffic, request });
    } catch (error) {
      exchange.failure = (error as Error).message;
      if (exchange.status !== 0) return; // it had begun; either end may break it off
      const { status, headers, body } = refusal(error, exchange);
      exchange.status = status;
      if (socket.writable) socket.end(`${headOf(exchange, { ...headers, connection: 'close' })}${body}`);
    } finally {
      end(exchange);
    }
  };

  return {
    name: 'api-gateway',
    health: async () => {
      await routes.refresh();
      return healthOf(routes, instances, traffic);
    },
    moreMetrics: () => traffic.render(),
    intercept(request, response) {
      if (/^\/(healthz|metrics)(\?|$)/.test(request.url ?? '')) return false;
      void answer(request, response);
      return true;
    },
    upgrade: (request, socket, head) => void upgrade(request, socket, head),
    close() {
      routes.close();
      instances.close();
      closeKeptConnections();
      client.close();
      log.flush();
    },
  };
}

function healthOf(routes: Routes, instances: Instances, { webSockets }: Traffic): Health {
  const isServed = ({ health }: { health: string }) => health !== 'Critical';
  const unserved = routes.all.filter((route) => !route.instances.some(isServed));
  const metrics = {
    routes: routes.all.length,
    unserved: unserved.length,
    openBreakers: instances.openCount,
    webSockets,
  };
  if (routes.failure !== null) return { status: 'fail', reason: `the registry is gone: ${routes.failure}`, metrics };
  if (unserved.length === 0) return { status: 'pass', metrics };
  const names = unserved.map(({ organ, prefix }) => `${prefix || '/'} (${organ})`);
  return { status: 'warn', reason: `no healthy instance behind ${names.join(', ')}`, metrics };
}

/** An error as an answer. What is not expected is a bug: the caller learns no more than that. */
function refusal(error: unknown, { id, method, path }: Exchange) {
  if (!(error instanceof OrganError)) {
    process.stderr.write(`api-gateway: ${method} ${path}: ${error instanceof Error ? error.stack : error}\n`);
  }
  const known =
    error instanceof OrganError
      ? error
      : new OrganError(500, 'internal', 'the gateway failed to answer; its log says why');
  const body = JSON.stringify({ error: known.code, message: known.message });
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-request-id': id,
    ...(known.status === 401 && { 'www-authenticate': 'Bearer' }),
    ...(known instanceof RateExceeded && { 'retry-after': String(known.retryAfterSeconds) }),
    ...(known instanceof Unavailable && { 'retry-after': '1' }),
  };
  return { status: known.status, headers, body };
}
