import type { SubscriptionStatus } from './events.ts';
import type { Health } from './server.ts';

export interface StreamLimits {
  /** More events than this waiting is a warning. */
  readonly lagWarn: number;
  /** A bus that is away for longer than this is gone; for a third of it, a warning; less is a restart. */
  readonly goneMs: number;
}

/** The health of whoever lives on the event bus. */
export function streamHealth(status: SubscriptionStatus, { lagWarn, goneMs }: StreamLimits): Health {
  const { connected, contactAt, lag, partitions, failure } = status;
  const metrics = { lag, partitions };
  const awayMs = Math.round(performance.now() - contactAt);
  if (!connected && awayMs > goneMs / 3) {
    const reason = `the event bus cannot be reached since ${awayMs} ms${failure ? `: ${failure}` : ''}`;
    return { status: awayMs > goneMs ? 'fail' : 'warn', reason, metrics };
  }
  if (connected && failure) return { status: 'warn', reason: `events cannot be handled: ${failure}`, metrics };
  if (lag > lagWarn) return { status: 'warn', reason: `${lag} events wait, over ${lagWarn}`, metrics };
  return { status: 'pass', metrics };
}
