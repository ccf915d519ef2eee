import * as z from 'zod';
import { Client } from './client.ts';
import { BadGateway, BadRequest, Conflict, NotFound, type OrganError, Unprocessable } from './errors.ts';

/**
 * Shared state: strings, counters and hashes under keys, any of which may expire. Values are strings; whoever keeps JSON
 * in them parses it. Wrong type of a key → Conflict, not a whole number → Unprocessable, nobody there → Unavailable.
 */
export interface State {
  /** null when there is no such key. */
  get(key: string): Promise<string | null>;
  /** Writes, whatever was there; without `ttlMs` the key no longer expires. */
  set(key: string, value: string, options?: Lifetime): Promise<void>;
  /** Whether there was something to delete. */
  delete(key: string): Promise<boolean>;
  /** Writes only while the value is `expected` (null: absent). False when it was another. Atomic. */
  compareAndSet(key: string, expected: string | null, value: string, options?: Lifetime): Promise<boolean>;
  /** Deletes only while the value is `expected`. Atomic. */
  compareAndDelete(key: string, expected: string): Promise<boolean>;
  /** Adds to a counter, which begins at 0, and returns its value; `ttlMs` counts from the first increment. */
  increment(key: string, by?: number, options?: Lifetime): Promise<number>;
  /** Lets a key of any kind expire in `ttlMs`, null: never. False when there is no such key. */
  expire(key: string, ttlMs: number | null): Promise<boolean>;
  /** Milliseconds left; null when it never expires or does not exist. */
  timeLeft(key: string): Promise<number | null>;
  /** Existing keys that begin with `prefix`, in no order, at most `limit` (default 1000). */
  keys(prefix: string, limit?: number): Promise<string[]>;

  hashGet(key: string, field: string): Promise<string | null>;
  /** All fields; empty when there is no such hash. */
  hashGetAll(key: string): Promise<Record<string, string>>;
  /** Sets these fields, keeps the others. */
  hashSet(key: string, fields: Readonly<Record<string, string>>): Promise<void>;
  /** Whether the field was there. A hash without fields is gone. */
  hashDelete(key: string, field: string): Promise<boolean>;
  hashIncrement(key: string, field: string, by?: number): Promise<number>;

  /** Throws Unavailable when the state cannot be reached. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface Lifetime {
  /** Milliseconds until the key is gone; at most a year. */
  readonly ttlMs?: number;
}

export interface StateOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Shares discovery and breakers with the organ's other calls. */
  readonly client?: Client;
  /** For each call, default 2 s. */
  readonly timeoutMs?: number;
}

/** Names that mean something else in a URL or an object. */
const MEANT_OTHERWISE = ['.', '..', '__proto__'];
/** The same rules for both backends, and for the organ's routes. */
export const StateKey = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must be without control characters')
  .refine((key) => !MEANT_OTHERWISE.includes(key), `must not be one of ${MEANT_OTHERWISE.join(' ')}`);
export const StateValue = z.string().max(512 * 1024);
export const Ttl = z
  .int()
  .min(1)
  .max(366 * 24 * 3600 * 1000);
export const Step = z.int();

/** The shared state: a Redis when `REDIS_URL` is set, else the organ `state`. Connects at the first call. */
export function connectState(options: StateOptions = {}): State {
  const { REDIS_URL: url } = options.env ?? process.env;
  const load = async () =>
    url
      ? (await import('./state-redis.ts')).connectRedis(url, options.timeoutMs ?? 2000)
      : new HttpState(options.client ?? new Client({ env: options.env ?? process.env }), options);
  return checked(load);
}

/** Checks the arguments, and loads the backend at the first call. */
function checked(load: () => Promise<State>): State {
  let state: Promise<State> | undefined;
  const use = () => {
    state ??= load();
    return state;
  };
  const key = (text: string) => check(StateKey, text, 'key');
  const field = (text: string) => check(StateKey, text, 'field');
  const value = (text: string) => check(StateValue, text, 'value');
  const by = (step: number) => check(Step, step, 'by');
  const life = ({ ttlMs }: Lifetime) => (ttlMs === undefined ? {} : { ttlMs: check(Ttl, ttlMs, 'ttlMs') });
  return {
    get: async (k) => (await use()).get(key(k)),
    set: async (k, v, options = {}) => (await use()).set(key(k), value(v), life(options)),
    delete: async (k) => (await use()).delete(key(k)),
    compareAndSet: async (k, expected, v, options = {}) =>
      (await use()).compareAndSet(key(k), expected === null ? null : value(expected), value(v), life(options)),
    compareAndDelete: async (k, expected) => (await use()).compareAndDelete(key(k), value(expected)),
    increment: async (k, step = 1, options = {}) => (await use()).increment(key(k), by(step), life(options)),
    expire: async (k, ttlMs) => (await use()).expire(key(k), ttlMs === null ? null : check(Ttl, ttlMs, 'ttlMs')),
    timeLeft: async (k) => (await use()).timeLeft(key(k)),
    keys: async (prefix, limit = 1000) => (await use()).keys(prefix === '' ? '' : key(prefix), limit),
    hashGet: async (k, f) => (await use()).hashGet(key(k), field(f)),
    hashGetAll: async (k) => (await use()).hashGetAll(key(k)),
    hashSet: async (k, fields) => {
      for (const [f, v] of Object.entries(fields)) {
        field(f);
        value(v);
      }
      await (await use()).hashSet(key(k), fields);
    },
    hashDelete: async (k, f) => (await use()).hashDelete(key(k), field(f)),
    hashIncrement: async (k, f, step = 1) => (await use()).hashIncrement(key(k), field(f), by(step)),
    ping: async () => (await use()).ping(),
    close: async () => (await state)?.close(),
  };
}

function check<T>(schema: z.ZodType<T>, value: T, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new BadRequest(`${what}: ${result.error.issues.map(({ message }) => message).join(', ')}`);
}

const Found = z.object({ value: z.string(), expiresInMs: z.number().nullable() });
const Kept = z.object({ expiresInMs: z.number().nullable() });
const Counted = z.object({ value: z.number() });
const Deleted = z.object({ deleted: z.boolean() });
const Existed = z.object({ exists: z.boolean() });

/** The organ `state`, over HTTP. */
class HttpState implements State {
  readonly #client: Client;
  readonly #isOwnClient: boolean;
  readonly #timeoutMs: number;

  constructor(client: Client, { client: given, timeoutMs = 2000 }: StateOptions) {
    this.#client = client;
    this.#isOwnClient = given === undefined;
    this.#timeoutMs = timeoutMs;
  }

  get(key: string) {
    return this.#find(this.#call('GET', pathOf('keys', key), Found), ({ value }) => value);
  }

  async set(key: string, value: string, { ttlMs }: Lifetime = {}) {
    await this.#call('PUT', pathOf('keys', key), z.unknown(), { value, ttlMs });
  }

  async delete(key: string) {
    return (await this.#call('DELETE', pathOf('keys', key), Deleted)).deleted;
  }

  compareAndSet(key: string, expected: string | null, value: string, { ttlMs }: Lifetime = {}) {
    return this.#compare(this.#call('PUT', pathOf('keys', key), z.unknown(), { value, expected, ttlMs }));
  }

  compareAndDelete(key: string, expected: string) {
    return this.#compare(this.#call('DELETE', pathOf('keys', key), z.unknown(), { expected }));
  }

  async increment(key: string, by = 1, { ttlMs }: Lifetime = {}) {
    return (await this.#call('POST', `${pathOf('keys', key)}/increment`, Counted, { by, ttlMs })).value;
  }

  async expire(key: string, ttlMs: number | null) {
    return (await this.#call('POST', `${pathOf('keys', key)}/expire`, Existed, { ttlMs })).exists;
  }

  timeLeft(key: string) {
    return this.#find(this.#call('GET', `${pathOf('keys', key)}/lifetime`, Kept), ({ expiresInMs }) => expiresInMs);
  }

  async keys(prefix: string, limit = 1000) {
    const query = new URLSearchParams({ prefix, limit: String(limit) });
    return (await this.#call('GET', `/keys?${query}`, z.object({ keys: z.array(z.string()) }))).keys;
  }

  hashGet(key: string, field: string) {
    const answer = this.#call('GET', pathOf('hashes', key, field), z.object({ value: z.string() }));
    return this.#find(answer, ({ value }) => value);
  }

  async hashGetAll(key: string) {
    const answer = this.#call('GET', pathOf('hashes', key), z.object({ fields: z.record(z.string(), z.string()) }));
    return (await this.#find(answer, ({ fields }) => fields)) ?? {};
  }

  async hashSet(key: string, fields: Readonly<Record<string, string>>) {
    await this.#call('PATCH', pathOf('hashes', key), z.unknown(), { fields });
  }

  async hashDelete(key: string, field: string) {
    return (await this.#call('DELETE', pathOf('hashes', key, field), Deleted)).deleted;
  }

  async hashIncrement(key: string, field: string, by = 1) {
    return (await this.#call('POST', `${pathOf('hashes', key, field)}/increment`, Counted, { by })).value;
  }

  async ping() {
    await this.#call('GET', '/ping', z.unknown());
  }

  async close() {
    if (this.#isOwnClient) this.#client.close();
  }

  async #call<S extends z.ZodType>(method: string, path: `/${string}`, schema: S, json?: unknown) {
    const body = json === undefined ? {} : { json };
    try {
      return await this.#client.callJson('state', path, schema, { method, timeoutMs: this.#timeoutMs, ...body });
    } catch (error) {
      throw error instanceof BadGateway ? meaning(error) : error;
    }
  }

  async #find<T, R>(answer: Promise<T>, pick: (found: T) => R): Promise<R | null> {
    try {
      return pick(await answer);
    } catch (error) {
      if (error instanceof NotFound) return null;
      throw error;
    }
  }

  async #compare(answer: Promise<unknown>): Promise<boolean> {
    try {
      await answer;
      return true;
    } catch (error) {
      if (error instanceof BadGateway && error.upstreamStatus === 412) return false;
      throw error;
    }
  }
}

/** What the organ's refusal means to the caller; what it did not foresee stays a BadGateway. */
function meaning(error: BadGateway): OrganError {
  const options = { cause: error };
  if (error.upstreamStatus === 404) return new NotFound(error.message, options);
  if (error.upstreamStatus === 409) return new Conflict(error.message, options);
  if (error.upstreamStatus === 422) return new Unprocessable(error.message, options);
  return error;
}

function pathOf(...segments: string[]): `/${string}` {
  return `/${segments.map(encodeURIComponent).join('/')}`;
}
