import type { Instant } from '../time.ts';
import type { Effect } from './effects.ts';
import type { ExitSeen, SystemInput } from './inputs.ts';
import type { Instance, Life, State, SystemState } from './state.ts';

/**
 * How a supervisor goes on from where another one ended: from what that one wrote down (which may be some milliseconds old)
 * and from what the keeper knows (which is always true).
 */

/** The latest life of an instance as the keeper knows it. */
export interface KnownLife {
  readonly generation: number;
  readonly pid: number;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly exit: ExitSeen | null;
  readonly signalledReady: boolean;
}

export interface Recovered {
  readonly state: SystemState;
  /** What has to be begun again, because it was under way. */
  readonly effects: readonly Effect[];
  /** What happened meanwhile. */
  readonly inputs: readonly SystemInput[];
  /** Instances whose processes were found running. */
  readonly adopted: readonly Instance[];
}

export function recover(system: SystemState, lives: ReadonlyMap<string, KnownLife>, now: Instant): Recovered {
  const effects: Effect[] = [];
  const inputs: SystemInput[] = [];
  const adopted: Instance[] = [];
  const instances = new Map<string, Instance>();
  for (const saved of system.instances.values()) {
    const known = lives.get(saved.name);
    const life = known ? lifeFrom(known, now) : null;
    const instance = life && known ? withLife(saved, life, now) : withoutLife(saved, now);
    instances.set(instance.name, instance);
    if (known && known.exit === null) adopted.push(instance);
    effects.push(...resume(instance, now, system));
    if (known?.exit && 'life' in instance.state && !(instance.state.tag === 'stopping' && instance.state.exited)) {
      inputs.push(about(instance, { type: 'exited', generation: known.generation, exit: known.exit }));
    } else if (known?.signalledReady && instance.state.tag === 'starting') {
      inputs.push(about(instance, { type: 'signalledReady', generation: known.generation }));
    }
  }
  return { state: { ...system, instances }, effects, inputs, adopted };
}

const about = (instance: Instance, input: Extract<SystemInput, { type: 'instance' }>['input']): SystemInput => ({
  type: 'instance',
  instance: instance.name,
  input,
});

function lifeFrom(known: KnownLife, now: Instant): Life {
  return {
    generation: known.generation,
    pid: known.pid,
    since: { wall: known.startedAt, mono: now.mono - Math.max(0, now.wall - known.startedAt) },
  };
}

/** The keeper knows a life of it. */
function withLife(saved: Instance, life: Life, now: Instant): Instance {
  if (life.generation < saved.generation) return withoutLife(saved, now);
  const { state } = saved;
  if (life.generation === saved.generation) {
    if ('life' in state) return saved;
    if (state.tag === 'spawning') {
      if (state.stop) return { ...saved, state: starting(life), stopWanted: state.stop };
      return { ...saved, state: starting(life) };
    }
    return saved; // its end was worked off already
  }
  // It was spawned after the last word was written down.
  return {
    ...saved,
    generation: life.generation,
    desired: 'up',
    startBegan: saved.startBegan ?? life.since,
    state: starting(life),
  };
}

const starting = (life: Life): State => ({ tag: 'starting', life, stage: 'probing', seen: null });

/** The keeper knows nothing of its present life: it never came to be, or all of it is gone and forgotten. */
function withoutLife(saved: Instance, now: Instant): Instance {
  switch (saved.state.tag) {
    case 'spawning':
    case 'starting':
    case 'ready':
    case 'stopping':
    case 'stuck':
      return saved.desired === 'up'
        ? {
            ...saved,
            state: { tag: 'waiting', since: now },
            stopWanted: null,
            reason: 'its process was gone when azora looked again',
          }
        : { ...saved, state: { tag: 'stopped' }, stopWanted: null };
    case 'stopped':
    case 'waiting':
    case 'backoff':
    case 'completed':
    case 'failed':
      return saved;
  }
}

/** What was under way for an instance, begun again. */
function resume(instance: Instance, now: Instant, system: SystemState): Effect[] {
  const { name, generation, state } = instance;
  switch (state.tag) {
    case 'starting':
      return [
        { type: state.stage === 'verifying' ? 'verify' : 'awaitReady', instance: name, generation },
        {
          type: 'timer',
          instance: name,
          generation,
          timer: 'start-timeout',
          delayMs: system.config.organs[instance.organ]!.health.startTimeoutMs,
        },
      ];
    case 'ready':
      return [{ type: 'monitor', instance: name, generation }];
    case 'stopping':
      return [
        state.exited
          ? { type: 'killTree', instance: name, generation }
          : { type: 'stopTree', instance: name, generation, timeoutMs: system.boot.stopTimeoutMs },
      ];
    case 'backoff':
      return [
        { type: 'timer', instance: name, generation, timer: 'backoff', delayMs: Math.max(0, state.until - now.mono) },
      ];
    case 'stopped':
    case 'waiting':
    case 'spawning':
    case 'completed':
    case 'failed':
    case 'stuck':
      return [];
  }
}
