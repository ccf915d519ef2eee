import { setTimeout as sleep } from 'node:timers/promises';
import CircuitBreaker from 'opossum';
import { BadRequest, messageOf, Unavailable } from '../kit/index.ts';

export interface UpstreamSettings {
  /** Without the slash at its end, e.g. `https://host/v1`. */
  readonly url: string;
  readonly key: string | null;
  /** Takes the place of the model that is asked for. */
  readonly model: string | null;
  /** Until the answer begins. */
  readonly timeoutMs: number;
  /** Before the second attempt, doubling; default 250 ms. */
  readonly backoffMs?: number;
  /** How long the breaker stays open; default 15 s. */
  readonly resetMs?: number;
}

const MOST_ATTEMPTS = 3;
/** An upstream that asks for more patience than this is away. */
const MOST_PATIENCE_MS = 5000;
/** For how long a failure counts as how things are. */
const RECENT_MS = 300_000;

/** The caller's own mistake, as the upstream sees it: not tried again, none of the breaker's business. */
class Refused extends BadRequest {}

/** The configured model behind `/v1/chat/completions`. */
export class Upstream {
  readonly settings: UpstreamSettings;
  readonly #breaker: CircuitBreaker<[unknown, AbortSignal], Response>;
  #failure: { readonly reason: string; readonly at: number } | null = null;

  constructor(settings: UpstreamSettings) {
    this.settings = settings;
    this.#breaker = new CircuitBreaker((body, signal) => this.#attempts(body, signal), {
      timeout: false,
      volumeThreshold: 3,
      errorThresholdPercentage: 50,
      resetTimeout: settings.resetMs ?? 15_000,
      errorFilter: (error) => error instanceof Refused,
    });
  }

  /** Why it does not answer these days, or null. */
  get failure(): string | null {
    return this.#failure && performance.now() - this.#failure.at < RECENT_MS ? this.#failure.reason : null;
  }

  /** The head of a good answer. Throws BadRequest with the upstream's reason, or Unavailable. */
  async chat(body: unknown, signal: AbortSignal): Promise<Response> {
    try {
      const response = await this.#breaker.fire(body, signal);
      this.#failure = null;
      return response;
    } catch (error) {
      if (error instanceof Refused || signal.aborted) throw error;
      const reason = `the upstream does not answer: ${messageOf(error)}`;
      this.#failure = { reason, at: performance.now() };
      throw new Unavailable(reason, { cause: error });
    }
  }

  close(): void {
    this.#breaker.shutdown();
  }

  async #attempts(body: unknown, signal: AbortSignal): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const { response, reason } = await this.#attempt(body, signal);
      if (response?.ok) return response;
      const said = response ? await reasonOf(response) : reason;
      if (response && [400, 404, 413, 422].includes(response.status))
        throw new Refused(`the upstream refuses: ${said}`);
      const waitMs = patience(response, attempt, this.settings.backoffMs ?? 250);
      const isPassing = !response || response.status === 408 || response.status === 429 || response.status >= 500;
      if (!isPassing || attempt >= MOST_ATTEMPTS || waitMs > MOST_PATIENCE_MS) {
        throw new Unavailable(`${said}${attempt > 1 ? `, after ${attempt} attempts` : ''}`);
      }
      await sleep(waitMs, undefined, { signal });
    }
  }

  async #attempt(body: unknown, signal: AbortSignal): Promise<{ response?: Response; reason?: string }> {
    const { url, key, timeoutMs } = this.settings;
    const head = new AbortController();
    const timer = setTimeout(() => head.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      const response = await fetch(`${url}/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }) },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.any([signal, head.signal]),
      });
      return { response };
    } catch (error) {
      if (signal.aborted) throw error;
      return { reason: messageOf(error) };
    } finally {
      clearTimeout(timer); // once it has begun, it may take its time
    }
  }
}

/** Milliseconds before the next attempt: as the upstream asks, else exponential with jitter. */
function patience(response: Response | undefined, attempt: number, backoffMs: number): number {
  const asked = Number(response?.headers.get('retry-after') ?? Number.NaN) * 1000;
  return Number.isFinite(asked) ? asked : backoffMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
}

async function reasonOf(response: Response): Promise<string> {
  const text = (await response.text().catch(() => '')).slice(0, 500);
  try {
    const { error, message } = JSON.parse(text) as { error?: { message?: string } | string; message?: string };
    const said = typeof error === 'object' ? error.message : (message ?? error);
    if (said) return `${response.status} ${said}`;
  } catch {
    // not JSON: its text has to do
  }
  return `${response.status} ${text}`.trim();
}
