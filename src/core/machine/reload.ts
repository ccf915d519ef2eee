import type { OrganConfig, SystemConfig } from '../config/model.ts';
import { type Plan, planOf } from '../plan.ts';
import { withDependencies, withRestarting } from './relations.ts';
import { type Instance, instanceNames, isAlive, type SystemState } from './state.ts';

/**
 * Taking on another configuration while the system runs. What is in the file no more keeps its old declaration until nothing of it
 * is left; then it is dropped.
 */

export interface Reloaded {
  readonly state: SystemState;
  readonly plan: Plan;
  /** Instances that are new, in the order of the file. */
  readonly begun: readonly string[];
  /** Instances to be taken down and dropped. */
  readonly retired: readonly string[];
  /** Instances to go down and come up again. */
  readonly restarted: readonly string[];
}

/**
 * @param blank makes an instance that has not lived yet
 */
export function reloaded(
  before: SystemState,
  wanted: SystemConfig,
  blank: (organ: string, name: string, replica: number) => Instance,
): Reloaded {
  const plan = planOf(before.config, wanted);
  const instances = new Map<string, Instance>();
  const begun: string[] = [];
  for (const organ of Object.values(wanted.organs)) {
    instanceNames(organ).forEach((name, index) => {
      const had = before.instances.get(name);
      instances.set(name, had ?? blank(organ.name, name, index + 1));
      if (!had) begun.push(name);
    });
  }
  const retired = [...before.instances.keys()].filter((name) => !instances.has(name));
  for (const name of retired) instances.set(name, before.instances.get(name)!);

  const retiring = new Set(
    [...before.retiring, ...retired].filter((name) => instances.has(name) && !begun.includes(name)),
  );
  const organs = { ...organsOf(before, retiring, wanted), ...wanted.organs };
  const state: SystemState = {
    ...before,
    config: { ...wanted, organs },
    instances,
    retiring: new Set([...retiring].filter((name) => isRetired(wanted, instances.get(name)!))),
    boot: { ...before.boot, wanted: wantedOrgans(before, wanted, plan) },
  };
  const changed = new Set(plan.organs.filter((row) => row.action === 'restart').map((row) => row.organ));
  const names = [...instances.values()]
    .filter((one) => changed.has(one.organ) && !retired.includes(one.name))
    .map((one) => one.name);
  const restarted = [...withRestarting(state, names)].filter(
    (name) => isAlive(instances.get(name)!) && !retired.includes(name),
  );
  return { state, plan, begun, retired, restarted };
}

/** The old declarations of those that are on their way out. */
function organsOf(
  before: SystemState,
  retiring: ReadonlySet<string>,
  wanted: SystemConfig,
): Record<string, OrganConfig> {
  const kept: Record<string, OrganConfig> = {};
  for (const name of retiring) {
    const { organ } = before.instances.get(name)!;
    if (!wanted.organs[organ]) kept[organ] = before.config.organs[organ]!;
  }
  return kept;
}

function isRetired(wanted: SystemConfig, instance: Instance): boolean {
  const organ = wanted.organs[instance.organ];
  return !organ || !instanceNames(organ).includes(instance.name);
}

/** What was wanted stays so; what is new is wanted when it starts by itself. */
function wantedOrgans(before: SystemState, wanted: SystemConfig, plan: Plan): Set<string> {
  const news = plan.organs
    .filter((row) => row.action === 'start' && wanted.organs[row.organ]?.autostart)
    .map((row) => row.organ);
  const kept = [...before.boot.wanted].filter((organ) => wanted.organs[organ]);
  return new Set([...kept, ...withDependencies(wanted, news)]);
}

/** Drops whoever was on the way out and has nothing left; null when nobody has. */
export function dropRetired(system: SystemState): SystemState | null {
  const gone = [...system.retiring].filter((name) => {
    const instance = system.instances.get(name);
    return !instance || !isAlive(instance);
  });
  if (gone.length === 0) return null;
  const instances = new Map([...system.instances].filter(([name]) => !gone.includes(name)));
  const left = new Set([...instances.values()].map((instance) => instance.organ));
  const organs = Object.fromEntries(Object.entries(system.config.organs).filter(([name]) => left.has(name)));
  return {
    ...system,
    instances,
    config: { ...system.config, organs },
    retiring: new Set([...system.retiring].filter((name) => !gone.includes(name))),
  };
}
