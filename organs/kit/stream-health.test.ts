import { expect, test } from 'vitest';
import type { SubscriptionStatus } from './events.ts';
import { streamHealth } from './stream-health.ts';

const LIMITS = { lagWarn: 10, goneMs: 3000 };
const health = ({ awayMs = 0, ...change }: Partial<SubscriptionStatus> & { awayMs?: number }) =>
  streamHealth(
    { connected: true, lag: 0, partitions: 4, failure: undefined, contactAt: performance.now() - awayMs, ...change },
    LIMITS,
  );

test.each([
  ['all is well', {}, 'pass', undefined],
  ['a poll waits for long', { awayMs: 20_000 }, 'pass', undefined],
  ['the bus is about to be reached, or restarts', { connected: false, awayMs: 500 }, 'pass', undefined],
  ['the bus is away', { connected: false, awayMs: 1500, failure: 'refused' }, 'warn', /since 15\d\d ms: refused$/],
  ['the bus is gone', { connected: false, awayMs: 3500 }, 'fail', /cannot be reached since 35\d\d ms$/],
  ['the handler throws', { failure: 'disk full' }, 'warn', /cannot be handled: disk full/],
  ['much waits', { lag: 11 }, 'warn', /11 events wait, over 10/],
] as const)('when %s', (_, change, status, reason) => {
  const told = health(change);
  expect(told.status).toBe(status);
  if (reason) expect(told.reason).toMatch(reason);
  else expect(told.reason).toBeUndefined();
});
