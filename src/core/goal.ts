import { waitingReason } from './machine/boot.ts';
import { publicState } from './machine/describe.ts';
import { isHopeless } from './machine/relations.ts';
import { type Instance, isAlive, organOf, type SystemState } from './machine/state.ts';
import type { Health, InstanceState } from './status.ts';

/** What `azora wait` waits for, and whether an instance is there, on its way, or will not get there unless someone acts. */

export const GOALS = ['ready', 'healthy', 'completed', 'stopped'] as const;
export type Goal = (typeof GOALS)[number];

export type Standing = 'there' | 'coming' | 'never';

/** How an instance stands to what is waited for. */
export interface Outcome {
  readonly instance: string;
  readonly organ: string;
  readonly kind: 'service' | 'task';
  readonly goal: Goal;
  readonly standing: Standing;
  readonly state: InstanceState;
  readonly health: Health;
  readonly reason: string | null;
  /** Of its last exit. */
  readonly code: number | null;
  readonly signal: string | null;
}

export function outcomeOf(system: SystemState, instance: Instance, wanted: Goal | null): Outcome {
  const { kind } = organOf(system, instance);
  const goal = wanted ?? (kind === 'task' ? 'completed' : 'ready');
  const standing = standingOf(system, instance, goal);
  return {
    instance: instance.name,
    organ: instance.organ,
    kind,
    goal,
    standing,
    state: publicState(instance.state.tag),
    health: instance.verdict.level,
    reason: waitingReason(system, instance) ?? instance.reason ?? instance.verdict.reason,
    code: instance.lastExit?.code ?? null,
    signal: instance.lastExit?.signal ?? null,
  };
}

/** A completed organ was ready, and is well: it did what it was for. */
export function standingOf(system: SystemState, instance: Instance, goal: Goal): Standing {
  const { tag } = instance.state;
  switch (goal) {
    case 'stopped':
      return tag === 'stuck' ? 'never' : isAtRest(instance) ? 'there' : 'coming';
    case 'completed':
      return tag === 'completed' ? 'there' : unlessLost(system, instance);
    case 'ready':
      return isReady(instance) ? 'there' : unlessLost(system, instance);
    case 'healthy':
      return isReady(instance) && instance.verdict.level === 'Healthy' ? 'there' : unlessLost(system, instance);
  }
}

const isReady = ({ state, stopWanted }: Instance): boolean =>
  (state.tag === 'ready' && stopWanted === null) || state.tag === 'completed';

/** One between two lives is neither: it is about to start again. */
const isAtRest = (instance: Instance): boolean =>
  !isAlive(instance) && instance.state.tag !== 'backoff' && instance.state.tag !== 'waiting';

/** Nobody starts what is stopped, whether by someone or because it was never wanted, nor anything while the system goes down. */
function unlessLost(system: SystemState, instance: Instance): Standing {
  const { phase } = system.boot;
  if (phase !== 'booting' && phase !== 'ready' && phase !== 'boot-failed') return 'never';
  if (instance.state.tag === 'stopped' || isHopeless(system, instance)) return 'never';
  return 'coming';
}
