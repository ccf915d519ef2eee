import type { SystemEvent } from './events.ts';
import type { Json } from './json.ts';
import { replay, stateAfter } from './replay.ts';
import type { Exit } from './status.ts';
import type { Subject } from './why/question.ts';

/** How the instances of a boot were just before it was ended, from its events alone. */
export interface Past {
  readonly subjects: readonly Subject[];
  /** What led to it; the end itself is the last of them. */
  readonly events: readonly SystemEvent[];
  /** What ended the boot; null: nobody saw it end. */
  readonly end: SystemEvent | null;
}

/** @param events of one boot, oldest first */
export function past(events: readonly SystemEvent[]): Past {
  const at = events.findIndex(({ type }) => type === 'system-stopping' || type === 'emergency-shutdown');
  const before = at === -1 ? events : events.slice(0, at);
  const byInstance = Map.groupBy(before, ({ instance }) => instance);
  const subjects = [...replay(before).instances].map(([instance, { organ, state, health }]): Subject => {
    const own = byInstance.get(instance) ?? [];
    const reason = state === 'ready' ? healthReason(own) : stateReason(own);
    const restarts = own.filter(({ type }) => type === 'organ-restarting').length;
    const desired = state === 'stopped' ? 'down' : 'up';
    return { organ, instance, state, health, reason, desired, restarts, exit: lastExit(own) };
  });
  const end = at === -1 ? null : events[at]!;
  return { subjects, events: end ? [...before, end] : before, end };
}

function stateReason(events: readonly SystemEvent[]): string | null {
  const last = events.findLast((event) => stateAfter(event) !== null);
  if (!last) return null;
  if (last.type === 'organ-waiting') return last.message;
  return asText(last.data.cause) ?? asText(last.data.reason);
}

function healthReason(events: readonly SystemEvent[]): string | null {
  return asText(events.findLast(({ type }) => type === 'health-changed')?.data.reason);
}

function lastExit(events: readonly SystemEvent[]): Exit | null {
  const last = events.findLast(({ type }) => type === 'organ-exited');
  if (!last) return null;
  const { code, signal } = last.data;
  return { code: typeof code === 'number' ? code : null, signal: asText(signal), at: last.ts };
}

const asText = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);
