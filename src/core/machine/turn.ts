import type { OrganConfig } from '../config/model.ts';
import type { EventType } from '../events.ts';
import type { JsonObject } from '../json.ts';
import { type Instant, timestamp } from '../time.ts';
import { describeAskedEnd, describeExit } from './describe.ts';
import type { Effect } from './effects.ts';
import type { ExitSeen } from './inputs.ts';
import type { In, Instance, Life, State } from './state.ts';

/** What a transition is made of: one instance goes from a state to another, with effects. */

/** What a transition may know besides the instance itself. */
export interface Context {
  readonly organ: OrganConfig;
  readonly at: Instant;
  readonly random: number;
  /** Instead of the organ's own `stop.timeout`. */
  readonly stopTimeoutMs: number | null;
  /** Organs that wait for this one, directly or not. */
  readonly blocks: () => readonly string[];
}

/** What a transition comes to. */
export interface Turn {
  readonly instance: Instance;
  readonly effects: readonly Effect[];
}

/** Nothing to do. */
export const ignore = (instance: Instance): Turn => ({ instance, effects: [] });

export function turn(instance: Instance, ...effects: readonly Effect[]): Turn {
  return { instance, effects };
}

/** One turn, then another on what it left. */
export function after(first: Turn, next: (instance: Instance) => Turn): Turn {
  const second = next(first.instance);
  return { instance: second.instance, effects: [...first.effects, ...second.effects] };
}

export function set<S extends State>(instance: Instance, state: S): Instance & { readonly state: S } {
  return { ...instance, state };
}

/** Wanted, as soon as its conditions hold (the release looks at them next). */
export function wait(instance: Instance, context: Context): Turn {
  return ignore({ ...set(instance, { tag: 'waiting', since: context.at }) });
}

export function emit(
  instance: Pick<Instance, 'organ' | 'name'>,
  type: EventType,
  message: string,
  data: JsonObject,
): Effect {
  return { type: 'emit', event: { type, organ: instance.organ, instance: instance.name, message, data } };
}

/** Stops whatever watches the present life. */
export const quiet = (instance: Instance): Effect[] => [
  { type: 'unwatch', instance: instance.name },
  { type: 'cancel', instance: instance.name, timer: 'start-timeout' },
  { type: 'cancel', instance: instance.name, timer: 'assume-ready' },
];

export const killTree = (instance: string, life: Life): Effect => ({
  type: 'killTree',
  instance,
  generation: life.generation,
});

export const exitOf = (exit: ExitSeen) => ({ code: exit.code, signal: exit.signal, at: timestamp(exit.at) });

export function exitedEvent(
  instance: Instance & { state: In<'starting' | 'ready' | 'stopping' | 'stuck'> },
  exit: ExitSeen,
  context: Context,
): Effect {
  const uptimeMs = Math.max(0, Math.round(context.at.mono - instance.state.life.since.mono));
  const { tag } = instance.state;
  const asked = tag === 'stopping' || tag === 'stuck';
  const how = asked ? describeAskedEnd(exit, instance.reason) : describeExit(exit);
  return emit(instance, 'organ-exited', `${instance.name} (pid ${exit.pid}) ${how}`, {
    code: exit.code,
    signal: exit.signal,
    pid: exit.pid,
    ours: exit.ours,
    asked: asked ? (instance.reason ?? 'azora ends it') : null,
    oomKilled: exit.oomKilled,
    ...(exit.memoryLimit === undefined ? {} : { memoryLimit: exit.memoryLimit }),
    uptimeMs,
  });
}
