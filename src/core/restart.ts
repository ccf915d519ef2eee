import type { RestartPolicy } from './config/model.ts';

/** How a process life ended, as far as healing cares. */
export interface Ending {
  /** The exit code was one of `success_exit_codes`, and nothing else was wrong. */
  readonly success: boolean;
  /** How long it had been running, ms. */
  readonly uptimeMs: number;
}

/** What is remembered of an instance's restarts. Times are monotonic ms. */
export interface RestartHistory {
  /** Restarts within the window, oldest first. */
  readonly times: readonly number[];
  /** How often the delay has grown. */
  readonly step: number;
}

export const NO_RESTARTS: RestartHistory = { times: [], step: 0 };

export type RestartDecision =
  | { readonly restart: true; readonly delayMs: number; readonly history: RestartHistory }
  | { readonly restart: false; readonly why: 'policy' | 'limit' };

/**
 * Whether and when an instance that ended is started again: by policy, after a delay that grows by `factor` up to `max_delay`
 * and is spread by `jitter`, and not more than `limit` times within the sliding `window` (the restart intensity of
 * Erlang/OTP's supervisors). Having run for `reset_after` makes the delay start over.
 *
 * @param random in [0, 1)
 */
export function decideRestart(
  policy: RestartPolicy,
  ending: Ending,
  history: RestartHistory,
  now: number,
  random: number,
): RestartDecision {
  const wanted = policy.policy === 'always' || (policy.policy === 'on-failure' && !ending.success);
  if (!wanted) return { restart: false, why: 'policy' };

  const times = history.times.filter((time) => time > now - policy.windowMs);
  if (times.length >= policy.limit) return { restart: false, why: 'limit' };

  const step = ending.uptimeMs >= policy.resetAfterMs ? 0 : history.step;
  const base = Math.min(policy.delayMs * policy.factor ** step, policy.maxDelayMs);
  const delayMs = Math.max(0, base * (1 + policy.jitter * (2 * random - 1)));
  return { restart: true, delayMs, history: { times: [...times, now], step: step + 1 } };
}
