import type { IncomingMessage } from 'node:http';
import type { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import {
  bearerToken,
  ForgedToken,
  OrganError,
  type Principal,
  type TokenVerifier,
  TooManyRequests,
  Unauthorized,
} from '../kit/index.ts';
import type { Rate, Route } from './route.ts';

export class RateExceeded extends TooManyRequests {
  readonly retryAfterSeconds: number;

  constructor(rate: Rate, retryAfterSeconds: number) {
    super(`over ${rate.points} requests in ${rate.seconds} s; try again in ${retryAfterSeconds} s`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Who may pass: by token, and as often as the route allows. */
export class Access {
  readonly #verifier: TokenVerifier;
  readonly #onForged: (token: string, address: string) => void;
  readonly #limiters = new Map<string, Promise<RateLimiterMemory>>();

  /** `onForged` hears of tokens that are none of aegis'. */
  constructor(verifier: TokenVerifier, onForged: (token: string, address: string) => void) {
    this.#verifier = verifier;
    this.#onForged = onForged;
  }

  /**
   * The caller, null when nobody in particular. `rest` is the path behind the prefix. Throws Unauthorized, RateExceeded, or
   * Unavailable when tokens cannot be verified. A refused token counts against the address it comes from.
   */
  async admit(request: IncomingMessage, route: Route, rest: string, address: string): Promise<Principal | null> {
    const identified = await this.#identify(request, route, rest).catch((error: unknown) => {
      if (error instanceof ForgedToken) this.#onForged(bearerToken(request.headers.authorization) ?? '', address);
      if (error instanceof OrganError) return error;
      throw error;
    });
    const subject = identified instanceof OrganError ? null : (identified?.subject ?? null);
    await this.#count(route, subject === null ? `address ${address}` : `subject ${subject}`);
    if (identified instanceof OrganError) throw identified;
    return identified;
  }

  async #identify({ method, headers }: IncomingMessage, route: Route, rest: string): Promise<Principal | null> {
    const isProbe = rest === '/healthz' && (method === 'GET' || method === 'HEAD');
    if (route.auth === 'none' || isProbe) return null;
    const token = bearerToken(headers.authorization);
    if (token !== null) return this.#verifier.verify(token);
    if (headers.authorization !== undefined) throw new Unauthorized('only Authorization: Bearer … is understood');
    if (route.auth === 'optional') return null;
    throw new Unauthorized('a token is needed: Authorization: Bearer …, from POST /auth/login');
  }

  async #count({ prefix, rate }: Route, client: string): Promise<void> {
    if (!rate) return;
    const limiter = await this.#limiter(prefix, rate);
    try {
      await limiter.consume(client);
    } catch (refusal) {
      if (refusal instanceof Error) throw refusal;
      throw new RateExceeded(rate, Math.max(1, Math.ceil((refusal as RateLimiterRes).msBeforeNext / 1000)));
    }
  }

  #limiter(prefix: string, { points, seconds }: Rate): Promise<RateLimiterMemory> {
    const key = `${prefix} ${points}/${seconds}`;
    const known = this.#limiters.get(key);
    if (known) return known;
    const limiter = import('rate-limiter-flexible').then(
      ({ RateLimiterMemory }) => new RateLimiterMemory({ points, duration: seconds }),
    );
    this.#limiters.set(key, limiter);
    return limiter;
  }
}
