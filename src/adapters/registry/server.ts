import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import {
  type Caller,
  EMPTY_REGISTRY,
  expire,
  forgetInstance,
  heartbeat,
  type Outcome,
  type Registration,
  type Registry,
  type RegistryView,
  register,
  type Service,
  services,
  withdraw,
} from '../../core/registry.ts';
import { AwakeClock } from '../awake-clock.ts';
import { createApp, type RegistryState } from './app.ts';
import type { Door } from './door.ts';
import { type EventSource, EventStreams } from './event-stream.ts';
import { guard, ownAuthorities, rawRefusal, refuse } from './guard.ts';

export interface RegistryOptions {
  /** Where it answers. */
  readonly door: Door;
  /** What the supervisor knows; the same object as long as nothing has changed. */
  readonly view: () => RegistryView;
  /** Must take as long for a near miss as for a wild guess: compare digests, never the tokens themselves. */
  readonly verifyToken: (token: string) => Caller | null;
  /** An instance has registered a name that was not registered by it before, or at another URL. */
  readonly onRegistered: (registration: Registration) => void;
  /** A registration is gone: its instance took it back, its lease ran out, or its instance ended. */
  readonly onWithdrawn: (registration: Registration, why: 'withdrawn' | 'expired' | 'ended') => void;
  readonly log: (message: string) => void;
  /** Hides secrets in what organs say about themselves. */
  readonly hide?: <T>(value: T) => T;
  /** The page of `GET /metrics`; without it there is none. */
  readonly metrics?: () => string;
  /** What `GET /events` streams; without it there is nothing to hear. */
  readonly events?: EventSource;
}

export interface RunningRegistry {
  readonly url: string;
  readonly port: number;
  /** An instance has ended: what it registered goes with it. */
  forget(instance: string): void;
  /** Ends every connection and resolves when the port is free. */
  close(): Promise<void>;
}

/** Slow callers are cut off by these; a request of an organ takes a few milliseconds. */
const TIMEOUTS = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 5000,
};
const SILENT_MS = 20_000;
const MAX_CONNECTIONS = 1024;
const MAX_HEADER_BYTES = 8192;
const TICK_MS = 1000;

/** Serves the registry. */
export async function startRegistry(options: RegistryOptions): Promise<RunningRegistry> {
  const state = new LiveRegistry(options);
  const streams = options.events ? new EventStreams(options.events) : null;
  const app = createApp(state);
  const answer = getRequestListener(app.fetch, {
    errorHandler: () =>
      Response.json({ error: 'bad-request', message: 'the request was not understood' }, { status: 400 }),
  });
  let own: ReadonlySet<string> = new Set();
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const refusal = guard(request, own);
    if (refusal) refuse(response, refusal);
    else if (streams && /^\/events(?:\?|$)/.test(request.url ?? '')) streams.serve(request, response);
    else void answer(request, response);
  };
  const server = createServer({ ...TIMEOUTS, maxHeaderSize: MAX_HEADER_BYTES, keepAlive: true }, onRequest);
  server.on('checkContinue', (request, response) => {
    const refusal = guard(request, own);
    if (refusal) return refuse(response, refusal);
    response.writeContinue();
    return void answer(request, response);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (socket.writable) socket.end(rawRefusal(error.code));
    else socket.destroy();
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = SILENT_MS;

  const { door } = options;
  own = ownAuthorities(door.host, door.port);
  await door.handTo(server);
  server.on('error', (error) => options.log(`the registry: ${error.message}`));

  return {
    url: door.url,
    port: door.port,
    forget: (instance) => state.forget(instance),
    async close() {
      state.close();
      streams?.close();
      const closed = server.listening ? once(server, 'close') : undefined;
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The registrations of this run; everything it decides is in core/registry.ts. */
class LiveRegistry implements RegistryState {
  readonly #options: RegistryOptions;
  readonly #clock = new AwakeClock();
  #registry: Registry = EMPTY_REGISTRY;
  /** Runs while somebody has a lease that can run out. */
  #timer: NodeJS.Timeout | undefined;
  #shown:
    | { registry: Registry; view: RegistryView; services: readonly Service[]; json: Uint8Array<ArrayBuffer> | null }
    | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  verifyToken(token: string): Caller | null {
    return this.#options.verifyToken(token);
  }

  metrics(): string | null {
    return this.#options.metrics?.() ?? null;
  }

  log(message: string): void {
    this.#options.log(message);
  }

  view(): RegistryView {
    return this.#options.view();
  }

  register(request: Parameters<typeof register>[1], caller: Caller): Outcome {
    const now = this.tick();
    const before = this.#registry.find(
      ({ name, owner }) => name === request.name && owner.instance === caller.instance,
    );
    const shown = this.#options.hide?.(request.metadata) ?? request.metadata;
    const outcome = this.#accept(
      register(this.#registry, { ...request, metadata: shown }, caller, this.view(), now, new Date().toISOString()),
    );
    if (outcome.kind === 'done' && before?.url !== outcome.registration.url)
      this.#options.onRegistered(outcome.registration);
    return outcome;
  }

  heartbeat(name: string, caller: Caller): Outcome {
    const now = this.tick();
    const before = this.#registry;
    const outcome = this.#accept(heartbeat(before, name, caller, this.view(), now));
    const hadLapsed = before.some((one) => one.lapsed && one.name === name && one.owner.instance === caller.instance);
    // A renewal in time shows nowhere, so what is shown need not be worked out again.
    if (outcome.kind === 'done' && !hadLapsed && this.#shown?.registry === before)
      this.#shown.registry = this.#registry;
    return outcome;
  }

  withdraw(name: string, caller: Caller): Outcome {
    const outcome = this.#accept(withdraw(this.#registry, name, caller, this.view()));
    if (outcome.kind === 'done') this.#options.onWithdrawn(outcome.registration, 'withdrawn');
    return outcome;
  }

  services(): readonly Service[] {
    return this.#current().services;
  }

  servicesJson(): Uint8Array<ArrayBuffer> {
    const current = this.#current();
    current.json ??= new TextEncoder().encode(JSON.stringify(current.services));
    return current.json;
  }

  forget(instance: string): void {
    const { registry, gone } = forgetInstance(this.#registry, instance);
    this.#keep(registry);
    for (const registration of gone) this.#options.onWithdrawn(registration, 'ended');
  }

  /** Lets leases run out; returns the time on their clock. */
  tick(): number {
    const now = this.#clock.read();
    const { registry, lapsed, dropped } = expire(this.#registry, now);
    this.#keep(registry);
    for (const { name, owner } of lapsed)
      this.log(`${owner.instance} has not renewed its registration of ${name}: Critical`);
    for (const registration of dropped) this.#options.onWithdrawn(registration, 'expired');
    return now;
  }

  #accept(outcome: Outcome): Outcome {
    if (outcome.kind === 'done') this.#keep(outcome.registry);
    return outcome;
  }

  #keep(registry: Registry): void {
    this.#registry = registry;
    const isTimed = registry.some(({ ttlMs }) => ttlMs !== null);
    if (isTimed) this.#timer ??= setInterval(() => this.tick(), TICK_MS).unref();
    else this.close();
  }

  /** Lets no more time pass. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Worked out once for each change of what the supervisor or the organs say. */
  #current() {
    this.tick();
    const view = this.view();
    if (this.#shown?.registry !== this.#registry || this.#shown.view !== view) {
      this.#shown = { registry: this.#registry, view, services: services(this.#registry, view), json: null };
    }
    return this.#shown;
  }
}
