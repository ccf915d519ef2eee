import type { RateLimiterMemory } from 'rate-limiter-flexible';
import { Mutex, TooManyRequests } from '../kit/index.ts';

export interface LoginLimits {
  /** Failed logins of one user from one address within the window. */
  readonly perUser: number;
  /** Failed logins of one address within the window, whoever it claims to be. */
  readonly perAddress: number;
  readonly windowSeconds: number;
}

/**
 * Limits failed logins; those that succeed cost nothing. The logins of one user from one address are taken one after the
 * other, so that none slips by while another is being checked.
 */
export class LoginLimit {
  readonly #limits: LoginLimits;
  readonly #turns = new Map<string, { mutex: Mutex; waiting: number }>();
  #limiters: Promise<{ user: RateLimiterMemory; address: RateLimiterMemory }> | undefined;

  constructor(limits: LoginLimits) {
    this.#limits = limits;
  }

  /** Runs `attempt` unless the limit is reached, which throws TooManyLogins. */
  async run<T>(username: string, address: string, attempt: () => Promise<T | null>): Promise<T | null> {
    const { user, address: ofAddress } = await this.#load();
    const key = JSON.stringify([username, address]);
    return this.#inTurn(key, async () => {
      for (const [limiter, id] of [
        [user, key],
        [ofAddress, address],
      ] as const) {
        const state = await limiter.get(id);
        if (state && state.consumedPoints >= limiter.points)
          throw new TooManyLogins(Math.ceil(state.msBeforeNext / 1000));
      }
      const result = await attempt();
      if (result === null) await Promise.all([user.penalty(key), ofAddress.penalty(address)]);
      else await user.delete(key);
      return result;
    });
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

export class TooManyLogins extends TooManyRequests {
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number) {
    super(`too many failed logins; try again in ${retryAfterSeconds} s`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
