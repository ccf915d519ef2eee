import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { messageOf, NotFound, OrganError, PayloadTooLarge } from './errors.ts';
import { type Gauges, RequestMetrics, renderGauges, renderProcess } from './metrics.ts';

/** warn makes the organ Degraded in azora, fail makes it Critical. A reason belongs to both. */
export interface Health {
  readonly status: 'pass' | 'warn' | 'fail';
  readonly reason?: string;
  readonly metrics?: Gauges;
}

export interface Organ {
  readonly name: string;
  /** The organ's routes. `/healthz` and `/metrics` are the kit's. */
  readonly app?: Hono;
  /** Asked at every `/healthz` and `/metrics`; keep it cheap. What it throws is a fail with that reason. */
  health(): Health | Promise<Health>;
  /** Called when a stop begins, before running requests are waited for: end long polls and streams. */
  stopping?(): void;
  /** Called, and awaited, once the last request is answered: close databases, end timers. */
  close?(): unknown;
  /** Largest request body in bytes, default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** More lines for `/metrics`, in Prometheus text. */
  moreMetrics?(): readonly string[];
  /** Sees requests before they are read, as streams; true when it answers by itself. */
  intercept?(request: IncomingMessage, response: ServerResponse): boolean;
  /** Takes over a connection that asks for WebSocket; without it such a request is answered as any other. */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Stops accepting, waits for running requests up to `graceMs` (default 5 s), closes the organ. Idempotent. */
  stop(graceMs?: number): Promise<void>;
}

const DRAIN_MS = 5000;

/** One line for the log. azora stamps time and organ itself. */
export function log(message: string): void {
  process.stdout.write(`${message}\n`);
}

/** The organ's whole HTTP surface: its routes, `/healthz`, `/metrics`, and JSON errors everywhere. */
export function createApp(organ: Organ): Hono {
  const requests = new RequestMetrics();
  const app = new Hono();

  app.use(async (c, next) => {
    const startedAt = performance.now();
    await next();
    requests.observe(c.req.method, c.res.status, (performance.now() - startedAt) / 1000);
  });
  const maxSize = organ.maxBodyBytes ?? 1024 * 1024;
  app.use(
    bodyLimit({
      maxSize,
      onError: () => {
        throw new PayloadTooLarge(`the body is over ${maxSize} bytes`);
      },
    }),
  );

  app.get('/healthz', async (c) => {
    const { status, reason, metrics = {} } = await examine(organ);
    return c.json({ status, ...(reason === undefined ? {} : { reason }), metrics }, status === 'fail' ? 503 : 200);
  });
  app.get('/metrics', async (c) => {
    const { metrics = {} } = await examine(organ);
    const own = organ.moreMetrics?.() ?? [];
    const lines = [...renderProcess(), ...requests.render(), ...renderGauges(organ.name, metrics), ...own];
    return c.text(`${lines.join('\n')}\n`, 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  });
  if (organ.app) app.route('/', organ.app);

  app.notFound((c) => errorResponse(new NotFound(`${organ.name} has no route ${c.req.method} ${c.req.path}`)));
  app.onError((error) => {
    if (error instanceof OrganError) return errorResponse(error);
    const callerLeft = error.message === 'aborted' && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
    if (!callerLeft) process.stderr.write(`${organ.name}: ${error.stack ?? error.message}\n`);
    return errorResponse(new OrganError(500, 'internal', `${organ.name} failed to answer; its log says why`));
  });
  return app;
}

/** Listens on loopback (HOST overrides) at `port`, 0 for any free one. Rejects when the port is taken. */
export async function listen(organ: Organ, port: number, host = process.env.HOST ?? '127.0.0.1'): Promise<Listening> {
  const answer = getRequestListener(createApp(organ).fetch, { autoCleanupIncoming: false });
  const shouldUpgradeCallback = ({ headers }: IncomingMessage) =>
    organ.upgrade !== undefined && headers.upgrade?.toLowerCase() === 'websocket';
  const server = createServer({ shouldUpgradeCallback }, (request, response) => {
    response.once('finish', () => drain(request));
    if (!organ.intercept?.(request, response)) void answer(request, response);
  });
  server.on('clientError', refuse);
  const upgraded = new Set<Duplex>();
  if (organ.upgrade) {
    server.on('upgrade', (request, socket, head) => {
      upgraded.add(socket.once('close', () => upgraded.delete(socket)));
      organ.upgrade?.(request, socket, head);
    });
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  // A connection that was busy when the stop came is idle only after its response: end it then.
  let stopped: Promise<void> | undefined;
  server.on('request', (_, response) => {
    response.once('close', () => stopped && setImmediate(() => server.closeIdleConnections()));
  });

  const stop = async (graceMs: number) => {
    const closed = new Promise((resolve) => server.close(resolve));
    organ.stopping?.();
    for (const socket of upgraded) socket.destroy(); // they have no end of their own
    const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cutOff);
    await organ.close?.();
  };
  const address = server.address() as AddressInfo;
  const hostname = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${hostname}:${address.port}`,
    port: address.port,
    stop(graceMs = 5000) {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };
}

/** Runs an organ as this process: listens on $PORT, leaves with 0 on SIGTERM or SIGINT, with 1 when it cannot listen. */
export async function serve(organ: Organ): Promise<void> {
  const port = Number(process.env.PORT ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    process.stderr.write(`${organ.name} cannot start: PORT is "${process.env.PORT}", not a port number\n`);
    process.exit(1);
  }
  try {
    const server = await listen(organ, port);
    log(`${organ.name} listens on ${server.url}`);
    const leave = async (signal: NodeJS.Signals) => {
      log(`${organ.name} stops on ${signal}`);
      await server.stop();
      log(`${organ.name} stopped`);
      process.exit(0);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, leave);
  } catch (error) {
    process.stderr.write(`${organ.name} cannot listen on port ${port}: ${messageOf(error)}\n`);
    process.exit(1);
  }
}

/** A body that was refused is read to its end all the same, for a while: only then does the caller get to read why. */
function drain(request: IncomingMessage): void {
  if (request.complete) return;
  request.resume();
  const timer = setTimeout(() => request.destroy(), DRAIN_MS);
  request.once('close', () => clearTimeout(timer));
}

/** Answers what is not HTTP, or too much of it, as JSON too. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const [status, code, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'headers_too_large', 'the headers are over 16 KiB']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'request_timeout', 'the request took too long to arrive']
        : ['400 Bad Request', 'bad_request', `the request is not valid HTTP: ${error.message}`];
  const body = JSON.stringify({ error: code, message });
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
  socket.end(`${head}connection: close\r\n\r\n${body}`);
}

async function examine(organ: Organ): Promise<Health> {
  try {
    return await organ.health();
  } catch (error) {
    process.stderr.write(`${organ.name}: health check failed: ${error instanceof Error ? error.stack : error}\n`);
    return { status: 'fail', reason: `health check failed: ${messageOf(error)}` };
  }
}

function errorResponse({ status, code, message, details }: OrganError): Response {
  return Response.json({ error: code, message, ...(details ? { details } : {}) }, { status });
}
