/** How long a user asks again before giving up. */
const PATIENCE_MS = 60_000;

interface PostOptions {
  /** Other statuses that are answers too, as when what was asked for had been done before its answer was lost. */
  readonly orElse?: readonly number[];
}

export interface CallerOptions {
  /** The gateway itself may be killed: then its connection breaks or is refused, which counts as unavailable too. */
  readonly mayVanish?: boolean;
}

export interface Refusal {
  readonly method: string;
  readonly path: string;
  readonly message: string;
}

/**
 * A user of Azora OS who knows nothing but the gateway's address and its rules: what cannot be answered now is 503 with
 * Retry-After, and is asked again after that; every error is JSON `{error, message}`. Anything else is a failure.
 */
export class Caller {
  readonly gateway: string;
  /** What was unavailable for the moment. */
  readonly refusals: Refusal[] = [];
  token: string | null = null;
  readonly #mayVanish: boolean;

  constructor(gateway: string, { mayVanish = false }: CallerOptions = {}) {
    this.gateway = gateway;
    this.#mayVanish = mayVanish;
  }

  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever shape it expects, and fails when it is another
  get(path: string): Promise<any> {
    return this.#ask('GET', path, undefined, []);
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  post(path: string, body: unknown = {}, { orElse = [] }: PostOptions = {}): Promise<any> {
    return this.#ask('POST', path, body, orElse);
  }

  /** As `post`, for an answer that is no JSON. */
  text(path: string, body: unknown): Promise<string> {
    return this.#ask('POST', path, body, [], (text) => text);
  }

  /** Only the status, whatever it is. */
  async status(method: string, path: string): Promise<number> {
    return (await this.#answer(method, path, undefined)).status;
  }

  /** Reads `path` until it is as wanted; what is not there yet (404, 422) may come. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  async until(path: string, holds: (body: any) => Promise<boolean>): Promise<any> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const body = await this.#ask('GET', path, undefined, [404, 422]);
      if (await holds(body)) return body;
      if (performance.now() > deadline) throw new Error(`${path} is not as wanted; it is ${JSON.stringify(body)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  async #ask(method: string, path: string, body: unknown, orElse: readonly number[], read = parse): Promise<any> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const { status, text, retryAfter } = await this.#answer(method, path, body);
      if ((status >= 200 && status < 300) || orElse.includes(status)) return read(text);
      const answer = parse(text);
      const where = `${method} ${path} answered ${status}: ${text.slice(0, 500)}`;
      if (typeof answer.error !== 'string' || typeof answer.message !== 'string')
        throw new Error(`no error as promised: ${where}`);
      const waitMs = Number(retryAfter ?? Number.NaN) * 1000;
      if (status !== 503 || !Number.isFinite(waitMs) || performance.now() > deadline) throw new Error(where);
      this.refusals.push({ method, path, message: answer.message });
      await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, 1000)));
    }
  }

  /** A whole answer, whatever it says. */
  async #answer(method: string, path: string, body: unknown) {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        const response = await this.#send(method, path, body);
        return {
          status: response.status,
          text: await response.text(),
          retryAfter: response.headers.get('retry-after'),
        };
      } catch (error) {
        const message = `the gateway is gone: ${error instanceof Error ? (error.cause ?? error) : error}`;
        if (!this.#mayVanish || performance.now() > deadline)
          throw new Error(`${method} ${path}: ${message}`, { cause: error });
        this.refusals.push({ method, path, message });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  #send(method: string, path: string, body: unknown): Promise<Response> {
    return fetch(`${this.gateway}${path}`, {
      method,
      headers: {
        ...(this.token === null ? {} : { authorization: `Bearer ${this.token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function parse(text: string): any {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`not JSON: ${text.slice(0, 500)}`, { cause });
  }
}
