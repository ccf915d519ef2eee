import type { HealthConfig } from './config/model.ts';
import type { Health, RunningStatus } from './status.ts';
import { humanDuration } from './time.ts';

/** What is known of one instance's health. */
export interface HealthRecord {
  readonly level: Health;
  /** Why it is not Healthy, or null. */
  readonly reason: string | null;
  /** Failed checks in a row. */
  readonly failures: number;
  /** Good checks in a row. */
  readonly successes: number;
  /** Epoch ms of the last check. */
  readonly checkedAt: number | null;
  readonly latencyMs: number | null;
  readonly metrics: Readonly<Record<string, number>>;
}

/** A level, and why it is not Healthy. */
export interface Verdict {
  readonly level: Health;
  readonly reason: string | null;
}

/** What one check found; see `adapters/probes`. */
export interface Observation {
  readonly verdict: 'pass' | 'fail';
  readonly latencyMs: number;
  /** Why it failed; only with `fail`. */
  readonly reason?: string;
  /** What the answer's body said of itself. */
  readonly bodyStatus: 'ok' | 'degraded' | 'critical' | null;
  readonly bodyReason: string | null;
  readonly metrics: Readonly<Record<string, number>>;
}

export const UNJUDGED: Verdict = { level: 'Unknown', reason: null };

export const UNKNOWN: HealthRecord = {
  level: 'Unknown',
  reason: null,
  failures: 0,
  successes: 0,
  checkedAt: null,
  latencyMs: null,
  metrics: {},
};

/** A record without any check behind it: an assumed readiness, a crash, a failure for good. */
export function declared(record: HealthRecord, level: Health, reason: string | null): HealthRecord {
  return { ...record, level, reason, failures: 0, successes: 0 };
}

/**
 * The verdict after one more check: a body that says critical is Critical at once; `failures` bad checks in a row are
 * Critical, fewer are Degraded, and so is an answer slower than `slow` or a body that says degraded; from Critical it
 * takes `successes` good checks in a row to be Healthy again.
 */
export function observe(
  before: HealthRecord,
  seen: Observation,
  config: Pick<HealthConfig, 'failures' | 'successes' | 'slowMs'>,
  at: number,
): HealthRecord {
  const bad = seen.verdict === 'fail';
  const failures = bad ? before.failures + 1 : 0;
  const successes = bad ? 0 : before.successes + 1;
  const seenNow = { failures, successes, checkedAt: at, latencyMs: seen.latencyMs, metrics: seen.metrics };

  if (seen.bodyStatus === 'critical') {
    return {
      ...seenNow,
      successes: 0,
      level: 'Critical',
      reason: seen.bodyReason ?? seen.reason ?? 'it says that it is critical',
    };
  }
  if (bad) {
    const reason = seen.reason ?? 'the check failed';
    if (failures >= config.failures) {
      return {
        ...seenNow,
        level: 'Critical',
        reason: failures === 1 ? reason : `${failures} checks in a row failed: ${reason}`,
      };
    }
    // A check that fails while it is Critical already does not make it better.
    return { ...seenNow, level: before.level === 'Critical' ? 'Critical' : 'Degraded', reason };
  }
  if (before.level === 'Critical' && successes < config.successes) {
    return { ...seenNow, level: 'Critical', reason: `recovering: ${successes} of ${config.successes} good checks` };
  }
  if (seen.bodyStatus === 'degraded') {
    return { ...seenNow, level: 'Degraded', reason: seen.bodyReason ?? 'it says that it is degraded' };
  }
  if (config.slowMs !== null && seen.latencyMs > config.slowMs) {
    return {
      ...seenNow,
      level: 'Degraded',
      reason: `answered in ${Math.round(seen.latencyMs)} ms, slower than ${config.slowMs} ms`,
    };
  }
  return { ...seenNow, level: 'Healthy', reason: null };
}

/** Its checks have not come to an end for so long: what was known of it is too old to be called Healthy. */
export function stale(before: HealthRecord, forMs: number): HealthRecord {
  if (before.level === 'Critical') return before;
  return {
    ...before,
    level: 'Degraded',
    reason: `no check has come to an end for ${humanDuration(forMs)}`,
    successes: 0,
  };
}

/** The system's status: as bad as its worst organ. */
export function aggregate(levels: Iterable<Health>): RunningStatus {
  let worst: RunningStatus = 'Operational';
  for (const level of levels) {
    if (level === 'Critical') return 'Critical';
    if (level === 'Degraded') worst = 'Degraded';
  }
  return worst;
}
