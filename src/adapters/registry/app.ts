import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Json } from '../../core/json.ts';
import type { Caller, Outcome, Refusal, RefusalKind, RegistryView, Service } from '../../core/registry.ts';
import { type Request, readRequest } from '../../core/registry.ts';
import { MAX_BODY_BYTES, tooLarge } from './guard.ts';

/** What the routes need of the registry that they serve. */
export interface RegistryState {
  verifyToken(token: string): Caller | null;
  register(request: Request, caller: Caller): Outcome;
  heartbeat(name: string, caller: Caller): Outcome;
  withdraw(name: string, caller: Caller): Outcome;
  view(): RegistryView;
  services(): readonly Service[];
  /** `services()` as JSON, made once for each change. */
  servicesJson(): Uint8Array<ArrayBuffer>;
  /** The page of `GET /metrics`; null: there is none. */
  metrics(): string | null;
  log(message: string): void;
}

const STATUS: Record<RefusalKind, ContentfulStatusCode> = {
  invalid: 400,
  forbidden: 403,
  unknown: 404,
  'too-many': 429,
};

/** The routes that organs need to find each other (docs/registry.md). */
export function createApp(state: RegistryState): Hono {
  const app = new Hono();
  const json = (c: Context, text: string | Uint8Array<ArrayBuffer>, status: ContentfulStatusCode = 200) =>
    c.body(text, status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  const failed = (c: Context, status: ContentfulStatusCode, error: string, message: string) =>
    json(c, JSON.stringify({ error, message }), status);
  const refused = (c: Context, { kind, message }: Refusal) => failed(c, STATUS[kind], kind, message);

  const serviceOf = (name: string) => state.services().find((service) => service.name === name);
  const callerOf = (c: Context) => {
    const token = /^bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    return token === undefined ? null : state.verifyToken(token);
  };
  const unauthorized = (c: Context) => {
    c.header('www-authenticate', 'Bearer');
    return failed(c, 401, 'unauthorized', 'a token of this system is needed: Authorization: Bearer $AZORA_TOKEN');
  };
  /** A write: by whom, what it does, and the answer when it is done. */
  const write = (
    c: Context,
    act: (caller: Caller) => Outcome,
    done: (outcome: Outcome & { kind: 'done' }) => Response,
  ) => {
    const caller = callerOf(c);
    if (!caller) return unauthorized(c);
    const outcome = act(caller);
    return outcome.kind === 'done' ? done(outcome) : refused(c, outcome);
  };

  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) => {
        c.header('connection', 'close');
        return failed(c, 413, tooLarge().error, tooLarge().message);
      },
    }),
  );

  app.post('/register', async (c) => {
    // Before the body: strangers' bodies are not worth reading.
    if (!callerOf(c)) return unauthorized(c);
    const body = parse(await c.req.text());
    if (body === undefined) return failed(c, 400, 'invalid', 'the body is not JSON');
    const request = readRequest(body);
    if ('kind' in request) return refused(c, request);
    return write(
      c,
      (caller) => state.register(request, caller),
      ({ isNew }) => json(c, JSON.stringify(serviceOf(request.name)), isNew ? 201 : 200),
    );
  });

  app.put('/services/:name/heartbeat', (c) =>
    write(
      c,
      (caller) => state.heartbeat(c.req.param('name'), caller),
      ({ registration: { name, ttlMs } }) => json(c, JSON.stringify({ name, ttlMs })),
    ),
  );

  app.delete('/services/:name', (c) =>
    write(
      c,
      (caller) => state.withdraw(c.req.param('name'), caller),
      () => c.body(null, 204),
    ),
  );

  app.get('/services', (c) => json(c, state.servicesJson()));

  app.get('/services/:name', (c) => {
    const service = serviceOf(c.req.param('name'));
    return service
      ? json(c, JSON.stringify(service))
      : failed(c, 404, 'unknown', `no service ${c.req.param('name').slice(0, 63)} is registered`);
  });

  app.get('/health', (c) => {
    const { status } = state.view();
    const services: Record<string, number> = {};
    for (const { health } of state.services()) services[health] = (services[health] ?? 0) + 1;
    return json(c, JSON.stringify({ status, services }), status === 'Operational' || status === 'Degraded' ? 200 : 503);
  });

  app.get('/metrics', (c) => {
    const page = state.metrics();
    if (page === null) return failed(c, 404, 'unknown', 'there is nothing to measure here');
    return c.body(page, 200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'cache-control': 'no-store',
    });
  });

  const others: readonly (readonly [path: string, allow: string])[] = [
    ['/register', 'POST'],
    ['/services/:name/heartbeat', 'PUT'],
    ['/services/:name', 'GET, HEAD, DELETE'],
    ['/services', 'GET, HEAD'],
    ['/health', 'GET, HEAD'],
    ['/metrics', 'GET, HEAD'],
  ];
  for (const [path, allow] of others) {
    app.all(path, (c) => {
      c.header('allow', allow);
      return failed(c, 405, 'method-not-allowed', `here one can ${allow}`);
    });
  }
  app.notFound((c) => failed(c, 404, 'unknown', `the registry has no ${c.req.method} ${c.req.path.slice(0, 200)}`));
  app.onError((error, c) => {
    state.log(`the registry failed at ${c.req.method} ${c.req.path}: ${error.stack ?? error.message}`);
    return failed(c, 500, 'internal', 'the registry failed to answer; the log of the supervisor says why');
  });
  return app;
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // The caller is told; a parser's opinion of a stranger's bytes helps nobody.
    return undefined;
  }
}
