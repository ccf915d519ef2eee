/** What the store keeps, in the shapes that the supervisor hands over and the CLI reads back. Times are RFC 3339. */
import type { EventType } from '../../core/events.ts';
import type { Desired, Health } from '../../core/status.ts';

export interface BootStart {
  readonly bootId: string;
  readonly startedAt: string;
  readonly configHash: string;
  readonly file: string;
  readonly name: string;
}

export interface BootRow extends BootStart {
  /** null: it runs, or nobody saw it end. */
  readonly endedAt: string | null;
  /** How it ended, in a few words. */
  readonly how: string | null;
}

export interface OrganRow {
  readonly organ: string;
  readonly category: string | null;
  readonly kind: 'service' | 'task';
  readonly critical: boolean;
  readonly desired: Desired;
  /** The organ's resolved configuration as JSON, its secrets already masked. */
  readonly config: string;
}

export interface HealthRow {
  readonly instance: string;
  readonly health: Health;
  readonly checkedAt: string;
  readonly latencyMs: number | null;
  readonly message: string | null;
}

export interface ExitRow {
  readonly instance: string;
  readonly code: number | null;
  readonly signal: string | null;
  readonly at: string;
  readonly cause: string;
}

export interface CheckRow {
  readonly bootId: string;
  readonly name: string;
  readonly organ: string | null;
  readonly passed: boolean;
  readonly durationMs: number;
  readonly message: string | null;
  readonly at: string;
}

export interface MetricRow {
  readonly instance: string;
  readonly name: string;
  readonly value: number;
  readonly at: string;
}

export interface EventFilter {
  /** Only events after this one; the oldest of them come first when `limit` cuts. Without it the newest are kept. */
  readonly sinceId?: number;
  /** RFC 3339, inclusive. */
  readonly sinceTs?: string;
  readonly organ?: string;
  readonly type?: EventType;
  /** Default 10 000. */
  readonly limit?: number;
}

/** What has to outlive every supervisor, and what a damaged database is searched for before it is given up. */
export interface Durable {
  readonly desired: ReadonlyMap<string, Desired>;
  readonly facts: ReadonlyMap<string, string>;
  readonly lastEventId: number;
}

export const NOTHING_DURABLE: Durable = { desired: new Map(), facts: new Map(), lastEventId: 0 };
