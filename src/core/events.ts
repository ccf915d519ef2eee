import type { JsonObject } from './json.ts';

/** Every kind of event in a system's history. A change of state that no event tells of is a bug. */
export const EVENT_TYPES = [
  'system-booting',
  'boot-step',
  'organ-waiting',
  'organ-starting',
  'organ-started',
  'organ-ready',
  'organ-assumed-ready',
  'organ-completed',
  'organ-stuck',
  'service-registered',
  'organ-exited',
  'organ-restarting',
  'organ-failed',
  'organ-stopping',
  'organ-stopped',
  'organ-adopted',
  'health-changed',
  'system-status-changed',
  'security-alert',
  'checks-completed',
  'config-reloaded',
  'system-ready',
  'system-stopping',
  'system-stopped',
  'emergency-shutdown',
  // Beyond the contract's list: what a user must hear of, and what ends a boot that failed.
  'system-boot-failed',
  'supervisor-started',
  'warning',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

/** One event as it is stored, streamed and printed by `azora events --json`. */
export interface SystemEvent {
  /** Grows from event to event, across boots. */
  readonly id: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly ts: string;
  readonly bootId: string;
  readonly type: EventType;
  readonly organ: string | null;
  readonly instance: string | null;
  /** A sentence that is true on its own: what happened and why. */
  readonly message: string;
  readonly data: JsonObject;
}

/** An event before it is given its number and its time. */
export type NewEvent = Pick<SystemEvent, 'type' | 'organ' | 'instance' | 'message' | 'data'>;
