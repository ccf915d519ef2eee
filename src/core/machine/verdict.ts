import type { Dependency } from '../config/model.ts';
import { aggregate, type Verdict } from '../health.ts';
import type { Health, Phase, RunningStatus } from '../status.ts';
import { publicState } from './describe.ts';
import { instancesOf, relationsOf } from './relations.ts';
import type { Instance, SystemState } from './state.ts';

/**
 * How sickness travels: an instance is shown as its own checks say, but as Degraded at least while something that it depends on
 * is not well, with that as the reason. A dependency's sickness never restarts anyone.
 */

/** What is to be shown of an instance, from its own health and what is shown of those it depends on. */
export function verdictOf(system: SystemState, instance: Instance): Verdict {
  const own: Verdict = { level: instance.health.level, reason: instance.health.reason };
  if (instance.state.tag !== 'ready' || own.level !== 'Healthy') return own;
  if (instance.strain) return { level: 'Degraded', reason: instance.strain };
  for (const dependency of system.config.organs[instance.organ]!.dependsOn) {
    const sick = instancesOf(system, dependency.organ).find((needed) => isUnwell(system, dependency, needed));
    if (sick) return { level: 'Degraded', reason: `depends on ${describe(sick)}` };
  }
  return own;
}

/**
 * The system's status: as bad as its worst instance, or as azora itself. To end is not to recover: while it stops, it stays as
 * bad as it was when it began to.
 */
export function statusOf({ self, instances, boot }: SystemState): RunningStatus {
  const now = aggregate(levels(self, instances));
  const then = isStopping(boot.phase) ? boot.statusAtStop : null;
  return then === 'Critical' || (then === 'Degraded' && now === 'Operational') ? then : now;
}

function* levels(self: Verdict, instances: SystemState['instances']): Generator<Health> {
  yield self.level;
  for (const { verdict } of instances.values()) yield verdict.level;
}

const isStopping = (phase: Phase): boolean => phase === 'stopping' || phase === 'emergency';

/** Organs to be judged anew when something about one of their dependencies has changed. */
export function dependentInstances(system: SystemState, organ: string): Instance[] {
  return (relationsOf(system.config).dependents.get(organ) ?? []).flatMap((name) => instancesOf(system, name));
}

function isUnwell(system: SystemState, { condition, required, organ }: Dependency, needed: Instance): boolean {
  // Whoever only waits for an end does not care how well it was.
  if (condition === 'exited' || !system.boot.wanted.has(organ)) return false;
  const { level } = needed.verdict;
  if (level === 'Degraded' || level === 'Critical') return true;
  // On its way up nothing is known against it; taken down by someone it is missed, unless it may be missing.
  return needed.state.tag === 'stopped' && required;
}

function describe(needed: Instance): string {
  const { level, reason } = needed.verdict;
  const how = level === 'Unknown' ? publicState(needed.state.tag) : level;
  const why = level === 'Unknown' ? needed.reason : reason;
  return `${needed.name}, which is ${how}${why ? `: ${why}` : ''}`;
}
