import type { Instant } from '../time.ts';
import type { Effect } from './effects.ts';
import type { ExitSeen, SystemInput } from './inputs.ts';
import { type Instance, isAlive, type Life, organOf, type State, type SystemState } from './state.ts';

/**
 * How a supervisor goes on from where another one ended, or after the keeper was replaced: from what was written down (which may
 * be some milliseconds old) and from what the keeper knows (which is always true).
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

export interface Facts {
  readonly lives: ReadonlyMap<string, KnownLife>;
  /** Organs that a user has stopped: they stay down, whatever was written down of their instances. */
  readonly heldDown: ReadonlySet<string>;
  /** Who died: with the supervisor all that was under way is lost, with the keeper only what it was asked for. */
  readonly lost: 'supervisor' | 'keeper';
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

export function recover(system: SystemState, facts: Facts, now: Instant): Recovered {
  const effects: Effect[] = [];
  const inputs: SystemInput[] = facts.lost === 'supervisor' ? interrupted(system) : [];
  const adopted: Instance[] = [];
  const instances = new Map<string, Instance>();
  for (const saved of system.instances.values()) {
    const known = facts.lives.get(saved.name);
    const instance = reconcile(saved, known, facts, now);
    instances.set(instance.name, instance);
    if (known && known.exit === null) adopted.push(instance);
    const goesOn = facts.lost === 'keeper' && instance === saved;
    if (!goesOn || instance.state.tag === 'stopping') effects.push(...resume(instance, now, system));
    if (known?.exit && 'life' in instance.state && !(instance.state.tag === 'stopping' && instance.state.exited)) {
      inputs.push(about(instance, { type: 'exited', generation: known.generation, exit: known.exit }));
    } else if (known?.signalledReady && instance.state.tag === 'starting') {
      inputs.push(about(instance, { type: 'signalledReady', generation: known.generation }));
    }
  }
  const state = { ...system, instances };
  if (facts.lost === 'supervisor') effects.push(...resumeBoot(state, now));
  return { state, effects, inputs, adopted };
}

/** An instance of which nothing is written down: its supervisor died within moments of the boot's beginning, or of its end. */
export function unremembered(system: SystemState, blank: Instance, now: Instant): Instance {
  const isOver = system.boot.phase === 'stopped' || system.boot.phase === 'halted';
  return system.boot.wanted.has(blank.organ) && !isOver
    ? { ...blank, desired: 'up', reason: null, state: { tag: 'waiting', since: now } }
    : blank;
}

const about = (instance: Instance, input: Extract<SystemInput, { type: 'instance' }>['input']): SystemInput => ({
  type: 'instance',
  instance: instance.name,
  input,
});

/** What was said to the whole system and may not have reached every instance. */
function interrupted({ boot }: SystemState): SystemInput[] {
  if (boot.phase === 'emergency') return [{ type: 'emergencyDeadline' }];
  if (boot.phase !== 'stopping') return [];
  return [{ type: 'down', reason: 'a new supervisor goes on with it', timeoutMs: boot.stopTimeoutMs }];
}

function reconcile(saved: Instance, known: KnownLife | undefined, { heldDown }: Facts, now: Instant): Instance {
  const wanted: Instance = heldDown.has(saved.organ) ? { ...saved, desired: 'down' } : saved;
  // What lives is never overlooked, whatever was thought of it.
  const counts = known && (known.generation >= saved.generation || (known.exit === null && !('life' in saved.state)));
  const found = counts ? withLife(wanted, known, now) : withoutLife(wanted, now);
  if (!heldDown.has(saved.organ)) return found;
  switch (found.state.tag) {
    case 'starting':
    case 'ready':
      return { ...found, desired: 'down', stopWanted: found.stopWanted ?? { next: 'stopped' } };
    case 'waiting':
    case 'backoff':
      return { ...found, desired: 'down', state: { tag: 'stopped' } };
    case 'stopped':
    case 'spawning':
    case 'stopping':
    case 'completed':
    case 'failed':
    case 'stuck':
      return found;
  }
}

/** The keeper knows its latest life, or a later one than was written down. */
function withLife(saved: Instance, known: KnownLife, now: Instant): Instance {
  const { state } = saved;
  const life: Life = {
    generation: known.generation,
    pid: known.pid,
    since: { wall: known.startedAt, mono: now.mono - Math.max(0, now.wall - known.startedAt) },
  };
  const begun: Instance = {
    ...saved,
    generation: life.generation,
    startBegan: saved.startBegan ?? life.since,
    state: starting(life),
  };
  // It was spawned after the last word was written down, so somebody wanted it up.
  if (known.generation > saved.generation) return { ...begun, startBegan: life.since, desired: 'up', stopWanted: null };
  if ('life' in state) return saved;
  if (state.tag === 'spawning') return { ...begun, stopWanted: state.stop };
  if (known.exit !== null) return saved; // its end was worked off already
  // The answer to its spawn was lost with a keeper, and it was thought not to have come to be.
  return { ...begun, stopWanted: saved.desired === 'down' ? { next: 'stopped' } : null };
}

const starting = (life: Life): State => ({ tag: 'starting', life, stage: 'probing', seen: null });

/** The keeper knows nothing of its present life: it never came to be, or all of it is gone and forgotten. */
function withoutLife(saved: Instance, now: Instant): Instance {
  switch (saved.state.tag) {
    case 'spawning':
      return saved.desired === 'up'
        ? { ...saved, state: { tag: 'waiting', since: now }, stopWanted: null }
        : { ...saved, state: { tag: 'stopped' }, stopWanted: null };
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

/** What is overdue gets this long all the same: an organ may have become ready while nobody looked. */
const GRACE_MS = 2000;

const remaining = (limitMs: number, since: Instant | null, now: Instant): number =>
  Math.max(GRACE_MS, limitMs - (now.mono - (since ?? now).mono));

/** What was under way for an instance, begun again. */
function resume(instance: Instance, now: Instant, system: SystemState): Effect[] {
  const { name, generation, state } = instance;
  switch (state.tag) {
    case 'starting': {
      const { startTimeoutMs } = organOf(system, instance).health;
      return [
        { type: state.stage === 'verifying' ? 'verify' : 'awaitReady', instance: name, generation },
        {
          type: 'timer',
          instance: name,
          generation,
          timer: 'start-timeout',
          delayMs: remaining(startTimeoutMs, instance.startBegan, now),
        },
      ];
    }
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

function resumeBoot(system: SystemState, now: Instant): Effect[] {
  const { boot, config } = system;
  switch (boot.phase) {
    case 'booting': {
      const deadline: Effect = {
        type: 'bootDeadline',
        delayMs: remaining(config.boot.timeoutMs, boot.bootingSince, now),
      };
      // The checks are the last step, begun and not answered.
      const checking = boot.step > config.boot.steps.length && boot.checksPassed === null;
      return checking ? [deadline, { type: 'runChecks' }] : [deadline];
    }
    case 'stopped':
    case 'halted':
      return [...system.instances.values()].some(isAlive) ? [] : [{ type: 'halt' }];
    case 'ready':
    case 'boot-failed':
    case 'stopping':
    case 'emergency':
      return [];
  }
}
