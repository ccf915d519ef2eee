/** How long a user asks again before giving up. */
const PATIENCE_MS = 60_000;

interface PostOptions {
  /** Other statuses that are answers too, as when what was asked for had been done before its answer was lost. */
  readonly orElse?: readonly number[];
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

  constructor(gateway: string) {
    this.gateway = gateway;
  }

  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever shape it expects, and fails when it is another
  get(path: string): Promise<any> {
    return this.#ask('GET', path, undefined, []);
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  post(path: string, body: unknown = {}, { orElse = [] }: PostOptions = {}): Promise<any> {
    return this.#ask('POST', path, body, orElse);
  }

  /** Only the status, whatever it is. */
  async status(method: string, path: string): Promise<number> {
    return (await this.#send(method, path, undefined)).status;
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
  async #ask(method: string, path: string, body: unknown, orElse: readonly number[]): Promise<any> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const response = await this.#send(method, path, body);
      const text = await response.text();
      const { status } = response;
      const answer = parse(text);
      if (response.ok || orElse.includes(status)) return answer;
      const where = `${method} ${path} answered ${status}: ${text.slice(0, 500)}`;
      if (typeof answer.error !== 'string' || typeof answer.message !== 'string')
        throw new Error(`no error as promised: ${where}`);
      const waitMs = Number(response.headers.get('retry-after') ?? Number.NaN) * 1000;
      if (status !== 503 || !Number.isFinite(waitMs) || performance.now() > deadline) throw new Error(where);
      this.refusals.push({ method, path, message: answer.message });
      await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, 1000)));
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
