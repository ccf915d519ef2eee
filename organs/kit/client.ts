import CircuitBreaker from 'opossum';
import * as z from 'zod';
import { BadGateway, messageOf, Unavailable } from './errors.ts';

const Instance = z.object({ instance: z.string(), url: z.string(), health: z.string() });
const Service = z.object({
  name: z.string(),
  url: z.string(),
  category: z.string().nullish(),
  health: z.string(),
  instances: z.array(Instance).default([]),
  metadata: z.unknown(),
});

export type ServiceInstance = z.output<typeof Instance>;
export type Service = z.output<typeof Service>;

export interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** For each attempt, body included; default 2 s. */
  readonly timeoutMs?: number;
}

export interface ClientOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** How long a discovery is believed, default 1 s. */
  readonly cacheMs?: number;
  /** How long a breaker stays open before one call may try again, default 2 s. */
  readonly resetMs?: number;
}

type Attempt = (path: string, init: RequestInit, timeoutMs: number) => Promise<Response>;
type Breaker = CircuitBreaker<Parameters<Attempt>, Response>;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const UNAVAILABLE = new Set([502, 503, 504]);

/** Finds other organs and calls them: discovery, timeout, retry of safe methods, one circuit breaker per instance. */
export class Client {
  readonly #env: NodeJS.ProcessEnv;
  readonly #cacheMs: number;
  readonly #resetMs: number;
  readonly #breakers = new Map<string, Breaker>();
  #turn = 0;
  #lastKnown: Service[] = [];
  #cache: { until: number; services: Promise<Service[]> } | undefined;

  constructor({ env = process.env, cacheMs = 1000, resetMs = 2000 }: ClientOptions = {}) {
    this.#env = env;
    this.#cacheMs = cacheMs;
    this.#resetMs = resetMs;
  }

  /** All services of the registry. Throws Unavailable when it cannot be reached, BadGateway when it refuses. */
  async services(): Promise<Service[]> {
    const now = performance.now();
    if (!this.#cache || this.#cache.until <= now) {
      const services = this.#fetchServices();
      this.#cache = { until: now + this.#cacheMs, services };
      services.catch(() => {}); // for whoever asks: a registry that is away is not asked more often than one that is there
    }
    return this.#cache.services;
  }

  /**
   * The instances of an organ, the healthiest first: from the registry (while it is away, as it last was), else the
   * `<NAME>_URL` that azora gives for each dependency. Throws Unavailable when neither knows it.
   */
  async discover(name: string): Promise<ServiceInstance[]> {
    const known = this.#env.AZORA_REGISTRY_URL ? await this.services().catch(() => this.#lastKnown) : [];
    const service = known.find((candidate) => candidate.name === name);
    if (service) {
      const instances = service.instances.length
        ? service.instances
        : [{ instance: name, url: service.url, health: service.health }];
      return instances.toSorted((a, b) => rank(a.health) - rank(b.health));
    }
    const url = this.#env[`${name.toUpperCase().replaceAll('-', '_')}_URL`];
    if (url) return [{ instance: name, url, health: 'Unknown' }];
    throw new Unavailable(`no instance of ${name} is known to the registry`);
  }

  /**
   * Calls an organ and returns its answer, whatever the status. Safe methods are tried again on another instance when
   * one cannot be reached, times out or answers 502, 503 or 504; other methods only when the breaker or the connection
   * refused them before anything was sent. Throws Unavailable when no instance answered.
   */
  async call(name: string, path: `/${string}`, options: CallOptions = {}): Promise<Response> {
    const method = options.method ?? 'GET';
    const headers = {
      ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    };
    const body = options.json === undefined ? options.body : JSON.stringify(options.json);
    const init: RequestInit = { method, headers, redirect: 'manual', ...(body === undefined ? {} : { body }) };

    const failures: string[] = [];
    let answer: Response | undefined;
    let cause: unknown;
    for (const { instance, url } of this.#inTurn(await this.discover(name))) {
      try {
        return await this.#breaker(url).fire(path, init, options.timeoutMs ?? 2000);
      } catch (error) {
        if (error instanceof UnavailableAnswer) answer = error.response;
        cause = error;
        failures.push(`${instance}: ${messageOf(error)}`);
        if (!SAFE.has(method) && !wasNotSent(error)) break;
      }
    }
    if (answer) return answer;
    throw new Unavailable(`${name} cannot be reached: ${failures.join('; ')}`, { cause });
  }

  /**
   * As `call`, for an answer that must be 2xx JSON of this schema; anything else throws BadGateway with the reason, one that
   * breaks off Unavailable.
   */
  async callJson<S extends z.ZodType>(
    name: string,
    path: `/${string}`,
    schema: S,
    options: CallOptions = {},
  ): Promise<z.output<S>> {
    const response = await this.call(name, path, options);
    const where = `${name} ${options.method ?? 'GET'} ${path}`;
    const text = await response.text().catch((cause) => {
      throw new Unavailable(`${where} broke off its answer: ${messageOf(cause)}`, { cause }); // killed, or too slow
    });
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch (cause) {
      throw new BadGateway(`${where} answered ${response.status} without JSON`, response.status, { cause });
    }
    if (!response.ok) {
      const { message } = (answer ?? {}) as { message?: unknown };
      throw new BadGateway(`${where} answered ${response.status}: ${message ?? text}`, response.status);
    }
    const result = schema.safeParse(answer);
    if (result.success) return result.data;
    throw new BadGateway(`${where} answered in an unknown shape: ${result.error.message}`, response.status);
  }

  /**
   * How an organ is now, by the `/healthz` of its instances: well when one of them is, sick when they only answer otherwise.
   * Throws Unavailable when none answers. Asked past the breakers, which know only how calls went before.
   */
  async condition(name: string, timeoutMs = 1500): Promise<'well' | 'sick'> {
    const instances = await this.discover(name);
    const answers = await Promise.allSettled(
      instances.map(({ url }) => fetch(urlOf(url, '/healthz'), { signal: AbortSignal.timeout(Math.ceil(timeoutMs)) })),
    );
    const responses = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
    for (const response of responses) response.body?.cancel().catch(() => {}); // only its status counts
    if (responses.some(({ ok }) => ok)) return 'well';
    if (responses.length > 0) return 'sick';
    const failures = answers.map(
      (answer, i) => `${instances[i]?.instance}: ${'reason' in answer ? messageOf(answer.reason) : ''}`,
    );
    throw new Unavailable(`${name} cannot be reached: ${failures.join('; ')}`);
  }

  /**
   * Registers a service with metadata of its own and keeps it alive by heartbeats until the returned function is called,
   * which withdraws it. azora registers an organ's port by itself; this is for what it cannot know.
   */
  async register(name: string, url: string, metadata: unknown = {}, ttlMs = 30_000): Promise<() => Promise<void>> {
    const path = `/services/${encodeURIComponent(name)}`;
    const register = () =>
      this.#registry('/register', { method: 'POST', json: { name, url, ttl: `${ttlMs}ms`, metadata } });
    await register();
    const timer = setInterval(() => {
      this.#registry(`${path}/heartbeat`, { method: 'PUT' })
        .catch(register)
        .catch((error) => process.stderr.write(`heartbeat of ${name} failed: ${messageOf(error)}\n`));
    }, ttlMs / 3);
    timer.unref();
    return async () => {
      clearInterval(timer);
      await this.#registry(path, { method: 'DELETE' });
    };
  }

  close(): void {
    for (const breaker of this.#breakers.values()) breaker.shutdown();
    this.#breakers.clear();
  }

  async #fetchServices(): Promise<Service[]> {
    const services = z.array(Service).parse(await (await this.#registry('/services')).json());
    const urls = new Set(services.flatMap((service) => [service.url, ...service.instances.map(({ url }) => url)]));
    for (const [url, breaker] of this.#breakers) {
      if (urls.has(url)) continue;
      breaker.shutdown();
      this.#breakers.delete(url);
    }
    this.#lastKnown = services;
    return services;
  }

  async #registry(path: string, { method = 'GET', json }: CallOptions = {}): Promise<Response> {
    const base = this.#env.AZORA_REGISTRY_URL;
    if (!base) throw new Unavailable('AZORA_REGISTRY_URL is not set: this organ was not started by azora');
    const token = this.#env.AZORA_TOKEN;
    const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const response = await fetch(new URL(path, base), {
      method,
      headers,
      signal: AbortSignal.timeout(2000),
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    }).catch((cause) => {
      throw new Unavailable(`the registry at ${base} cannot be reached: ${messageOf(cause)}`, { cause });
    });
    if (response.ok) return response;
    throw new BadGateway(`the registry answered ${response.status} to ${method} ${path}`, response.status);
  }

  /** Round robin among the instances that are equally healthy. */
  #inTurn(instances: ServiceInstance[]): ServiceInstance[] {
    const best = instances.filter(({ health }) => rank(health) === rank(instances[0]?.health ?? ''));
    const start = this.#turn++ % Math.max(best.length, 1);
    return [...best.slice(start), ...best.slice(0, start), ...instances.slice(best.length)];
  }

  #breaker(url: string): Breaker {
    const known = this.#breakers.get(url);
    if (known) return known;
    const attempt: Attempt = async (path, init, timeoutMs) => {
      const response = await fetch(urlOf(url, path), {
        ...init,
        signal: AbortSignal.timeout(Math.ceil(timeoutMs)),
      });
      if (UNAVAILABLE.has(response.status)) throw new UnavailableAnswer(response);
      return response;
    };
    const breaker: Breaker = new CircuitBreaker(attempt, {
      timeout: false,
      volumeThreshold: 5,
      errorThresholdPercentage: 50,
      resetTimeout: this.#resetMs,
    });
    this.#breakers.set(url, breaker);
    return breaker;
  }
}

/** Carries a 502, 503 or 504 through the breaker, which counts what is thrown. */
class UnavailableAnswer extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super(`answered ${response.status}`);
    this.response = response;
  }
}

function urlOf(base: string, path: string): string {
  return `${base.replace(/\/$/, '')}${path}`;
}

function wasNotSent(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? ((error as Error).cause as { code?: string } | undefined)?.code;
  return code === 'EOPENBREAKER' || code === 'ECONNREFUSED';
}

function rank(health: string): number {
  const order = ['Healthy', 'Degraded', 'Unknown', 'Critical'];
  const index = order.indexOf(health);
  return index < 0 ? order.length : index;
}
