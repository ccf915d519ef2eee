import type { Dependency, SystemConfig } from '../config/model.ts';
import { describeInstance } from './describe.ts';
import { Instances } from './instances.ts';
import { type Instance, instanceNames, isAlive, type SystemState } from './state.ts';

/** Who needs whom, and whether what is needed is there: the rules by which organs are let start and stop. */

export interface Relations {
  /** organ → organs that depend on it directly. */
  readonly dependents: ReadonlyMap<string, readonly string[]>;
  /** organ → index of the boot step before which it may not start; 0 for those in no step. */
  readonly gate: ReadonlyMap<string, number>;
}

const known = new WeakMap<SystemConfig, Relations>();

/** Worked out once for each configuration. */
export function relationsOf(config: SystemConfig): Relations {
  let relations = known.get(config);
  if (!relations) {
    relations = { dependents: dependentsIn(config), gate: gatesIn(config) };
    known.set(config, relations);
  }
  return relations;
}

function dependentsIn(config: SystemConfig): Map<string, string[]> {
  const dependents = new Map<string, string[]>();
  for (const organ of Object.values(config.organs)) {
    for (const { organ: needed } of organ.dependsOn) {
      const list = dependents.get(needed);
      if (list) list.push(organ.name);
      else dependents.set(needed, [organ.name]);
    }
  }
  return dependents;
}

/** An organ starts with its own step, or earlier when an organ of an earlier step needs it: otherwise the boot would wait for ever. */
function gatesIn(config: SystemConfig): Map<string, number> {
  const gate = new Map<string, number>();
  const pull = (name: string, step: number): void => {
    const before = gate.get(name);
    if (before !== undefined && before <= step) return;
    gate.set(name, step);
    for (const needed of config.organs[name]?.dependsOn ?? []) {
      if (gate.has(needed.organ)) pull(needed.organ, step);
    }
  };
  config.boot.steps.forEach((step, index) => {
    for (const name of step.organs) pull(name, index);
  });
  // Once more, now that every organ of a step has its gate: a later step's organ may be needed by an earlier one.
  for (const [name, step] of [...gate]) {
    for (const needed of config.organs[name]?.dependsOn ?? []) {
      if (gate.has(needed.organ)) pull(needed.organ, step);
    }
  }
  return gate;
}

/** Every organ that `organ` keeps from starting when it is not there: its dependents, and theirs. */
export function transitiveDependents(config: SystemConfig, organ: string): string[] {
  const { dependents } = relationsOf(config);
  const found = new Set<string>();
  const visit = (name: string): void => {
    for (const dependent of dependents.get(name) ?? []) {
      const link = config.organs[dependent]!.dependsOn.find((dependency) => dependency.organ === name)!;
      if (!link.required || found.has(dependent)) continue;
      found.add(dependent);
      visit(dependent);
    }
  };
  visit(organ);
  return [...found];
}

/** `names` and every organ that they need, directly or not. */
export function withDependencies(config: SystemConfig, names: Iterable<string>): Set<string> {
  const all = new Set<string>();
  const visit = (name: string): void => {
    if (all.has(name)) return;
    all.add(name);
    for (const { organ, required } of config.organs[name]?.dependsOn ?? []) {
      if (required || config.organs[organ]?.autostart) visit(organ);
    }
  };
  for (const name of names) visit(name);
  return all;
}

/** These instances, and those that are to restart whenever one of them does, and theirs; only what runs is added. */
export function withRestarting(system: SystemState, names: Iterable<string>): Set<string> {
  const { dependents } = relationsOf(system.config);
  const all = new Set(names);
  for (const name of all) {
    const organ = system.instances.get(name)?.organ;
    if (organ === undefined) continue;
    for (const dependent of dependents.get(organ) ?? []) {
      const link = system.config.organs[dependent]!.dependsOn.find((dependency) => dependency.organ === organ);
      if (!link?.restart) continue;
      for (const instance of instancesOf(system, dependent)) {
        if (instance.desired === 'up' && isAlive(instance)) all.add(instance.name);
      }
    }
  }
  return all;
}

export function instancesOf(system: SystemState, organ: string): Instance[] {
  const config = system.config.organs[organ];
  if (!config) return [];
  const found: Instance[] = [];
  for (const name of instanceNames(config)) {
    const instance = system.instances.get(name);
    if (instance) found.push(instance);
  }
  return found;
}

/** What of a dependency keeps an instance waiting, for its event and its reason. */
export interface Obstacle {
  readonly organ: string;
  readonly condition: string;
  readonly state: string;
  /** It will not go away unless someone acts. */
  readonly forGood: boolean;
}

/** The dependencies of an instance that are not met yet. */
export function obstacles(system: SystemState, instance: Instance): Obstacle[] {
  return system.config.organs[instance.organ]!.dependsOn.flatMap((dependency) => obstacle(system, dependency) ?? []);
}

/** Whether `obstacles` would find none; asked of every waiting instance after every input, so it looks no further than it must. */
export function conditionsHold(system: SystemState, instance: Instance): boolean {
  return system.config.organs[instance.organ]!.dependsOn.every((dependency) => {
    const unmet = unmetBy(system, dependency);
    return unmet.length === 0 || (!dependency.required && unmet.some((needed) => isHopeless(system, needed)));
  });
}

function unmetBy(system: SystemState, { organ, condition }: Dependency): Instance[] {
  if (system.boot.noDeps && !system.boot.wanted.has(organ)) return [];
  return instancesOf(system, organ).filter((instance) => !meets(instance, condition));
}

function obstacle(system: SystemState, dependency: Dependency): Obstacle | null {
  const unmet = unmetBy(system, dependency);
  if (unmet.length === 0) return null;
  const hopeless = unmet.find((instance) => isHopeless(system, instance));
  if (hopeless && !dependency.required) return null;
  const shown = hopeless ?? unmet[0]!;
  return {
    organ: dependency.organ,
    condition: dependency.condition,
    state: describeInstance(shown),
    forGood: hopeless !== undefined,
  };
}

function meets(instance: Instance, condition: Dependency['condition']): boolean {
  const { state } = instance;
  if (instance.stopWanted) return false;
  switch (condition) {
    case 'started':
      return state.tag === 'starting' || state.tag === 'ready' || state.tag === 'completed';
    case 'healthy':
      return (state.tag === 'ready' && instance.health.level !== 'Critical') || state.tag === 'completed';
    case 'completed':
      return state.tag === 'completed';
    case 'exited':
      return state.tag === 'completed' || (state.tag === 'failed' && instance.lastExit !== null);
  }
}

/**
 * It will not be there unless someone acts: failed, stuck, stopped by someone, or itself waiting for such a one.
 * @param known what this question has found so far: in a graph with many ways to one organ each is looked at once
 */
export function isHopeless(system: SystemState, instance: Instance, known = new Map<string, boolean>()): boolean {
  switch (instance.state.tag) {
    case 'failed':
    case 'stuck':
      return true;
    case 'stopped':
      return instance.desired === 'down';
    case 'waiting': {
      if (!Instances.anyLost(system.instances)) return false;
      let hopeless = known.get(instance.name);
      hopeless ??= system.config.organs[instance.organ]!.dependsOn.some(
        (dependency) =>
          dependency.required && unmetBy(system, dependency).some((needed) => isHopeless(system, needed, known)),
      );
      known.set(instance.name, hopeless);
      return hopeless;
    }
    case 'completed':
      // Asked for as completed it is there; asked for as anything else it had its chance.
      return false;
    case 'spawning':
    case 'starting':
    case 'ready':
    case 'stopping':
    case 'backoff':
      return false;
  }
}

/** Instances that must be gone before this one is ended: those that depend on it and are themselves on their way down. */
export function stillNeeding(system: SystemState, instance: Instance): Instance[] {
  const { dependents } = relationsOf(system.config);
  return (dependents.get(instance.organ) ?? [])
    .flatMap((organ) => instancesOf(system, organ))
    .filter((dependent) => isAlive(dependent) && isGoingDown(dependent));
}

function isGoingDown(instance: Instance): boolean {
  const { state } = instance;
  if (instance.stopWanted) return true;
  if (state.tag === 'stopping') return state.after.next !== 'policy' || instance.desired === 'down';
  return state.tag === 'spawning' && state.stop !== null;
}
