import { createHash } from 'node:crypto';
import type { RateLimiterMemory } from 'rate-limiter-flexible';
import { Mutex, type State, TooManyRequests } from '../kit/index.ts';

export interface LoginLimits {
  /** Failed logins of one user from one address within the window. */
  readonly perUser: number;
  /** Failed logins of one address within the window, whoever it claims to be. */
  readonly perAddress: number;
  readonly windowSeconds: number;
}

/** Where failures are counted too, so that a restart of aegis forgives nothing. */
export type SharedCounts = Pick<State, 'get' | 'increment' | 'delete' | 'timeLeft'>;

/**
 * Limits failed logins; those that succeed cost nothing. The logins of one user from one address are taken one after the
 * other, so that none slips by while another is being checked. Failures are counted here and in the shared state; while that
 * is away, what is counted here has to do.
 */
export class LoginLimit {
  readonly #limits: LoginLimits;
  readonly #shared: SharedCounts | undefined;
  readonly #turns = new Map<string, { mutex: Mutex; waiting: number }>();
  #limiters: Promise<{ user: RateLimiterMemory; address: RateLimiterMemory }> | undefined;

  constructor(limits: LoginLimits, shared?: SharedCounts) {
    this.#limits = limits;
    this.#shared = shared;
  }

  /** Runs `attempt` unless the limit is reached, which throws TooManyLogins. */
  async run<T>(username: string, address: string, attempt: () => Promise<T | null>): Promise<T | null> {
    const { user, address: ofAddress } = await this.#load();
    const key = JSON.stringify([username, address]);
    return this.#inTurn(key, async () => {
      await Promise.all([this.#check(user, key), this.#check(ofAddress, address)]);
      const result = await attempt();
      if (result === null) await Promise.all([this.#count(user, key), this.#count(ofAddress, address)]);
      else await Promise.all([user.delete(key), this.#ask((shared) => shared.delete(nameOf(key)))]);
      return result;
    });
  }

  async #check(limiter: RateLimiterMemory, id: string): Promise<void> {
    const here = await limiter.get(id);
    if (here && here.consumedPoints >= limiter.points) throw new TooManyLogins(Math.ceil(here.msBeforeNext / 1000));
    const shared = await this.#ask((shared) => shared.get(nameOf(id)));
    if (Number(shared ?? 0) < limiter.points) return;
    const ms = (await this.#ask((shared) => shared.timeLeft(nameOf(id)))) ?? 1000;
    throw new TooManyLogins(Math.ceil(ms / 1000));
  }

  async #count(limiter: RateLimiterMemory, id: string): Promise<void> {
    const ttlMs = this.#limits.windowSeconds * 1000;
    await Promise.all([limiter.penalty(id), this.#ask((shared) => shared.increment(nameOf(id), 1, { ttlMs }))]);
  }

  /** null when there is no shared state, or it cannot be asked now. */
  async #ask<T>(question: (shared: SharedCounts) => Promise<T>): Promise<T | null> {
    return this.#shared === undefined ? null : question(this.#shared).catch(() => null);
  }

  async #inTurn<T>(key: string, section: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(key) ?? { mutex: new Mutex(), waiting: 0 };
    this.#turns.set(key, turn);
    turn.waiting += 1;
    try {
      return await turn.mutex.run(section);
    } finally {
      turn.waiting -= 1;
      if (turn.waiting === 0) this.#turns.delete(key);
    }
  }

  #load() {
    this.#limiters ??= import('rate-limiter-flexible').then(({ RateLimiterMemory }) => {
      const { perUser, perAddress, windowSeconds: duration } = this.#limits;
      return {
        user: new RateLimiterMemory({ points: perUser, duration }),
        address: new RateLimiterMemory({ points: perAddress, duration }),
      };
    });
    return this.#limiters;
  }
}

/** Nobody who reads the shared state learns who tried to log in. */
function nameOf(id: string): string {
  return `aegis:failed-logins:${createHash('sha256').update(id).digest('hex')}`;
}

export class TooManyLogins extends TooManyRequests {
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number) {
    super(`too many failed logins; try again in ${retryAfterSeconds} s`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
