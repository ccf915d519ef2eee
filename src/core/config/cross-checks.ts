/** What can only be judged with all organs in view: dependencies, cycles, ports, steps. */

import { findCycles, type Graph, showCycle } from './graph.ts';
import { takenInstanceName } from './instance-names.ts';
import type { BootStep, Dependency, OrganConfig, SystemConfig } from './model.ts';
import type { Path, Report } from './problem.ts';
import type { WrittenDependency, WrittenOrgan } from './schema.ts';
import { didYouMean } from './suggest.ts';

type Organs = Readonly<Record<string, OrganConfig>>;

/** The names that a file uses for organs: those that run, and those that no active profile selects. */
export interface Names {
  readonly isDeclared: (name: string) => boolean;
  readonly isActive: (name: string) => boolean;
  readonly all: readonly string[];
  readonly profilesOf: (name: string) => readonly string[];
}

export function reportUnknown(
  organ: string,
  where: string,
  path: Path,
  names: Names,
  report: Report,
  piece?: string,
): void {
  const hint =
    didYouMean(organ, names.all) ??
    (names.all.length > 0 ? `the organs are ${names.all.slice(0, 20).join(', ')}` : null);
  report({ path, message: `${where} names organ "${organ}", which does not exist`, hint, ...(piece ? { piece } : {}) });
}

/** "organ x is only part of profile dev, which is not active". */
export function whyInactive(organ: string, names: Names): string {
  const profiles = names.profilesOf(organ);
  const [what, are] = profiles.length === 1 ? ['profile', 'is'] : ['profiles', 'are'];
  return `organ ${organ} is only part of ${what} ${profiles.join(', ')}, which ${are} not active`;
}

/** The dependencies of an active organ; those on nobody are reported, optional ones on an inactive organ are left out. */
export function resolveDependencies(
  name: string,
  written: WrittenOrgan['depends_on'],
  organs: Organs,
  names: Names,
  report: Report,
  warn: (text: string) => void,
): Dependency[] {
  const dependencies: Dependency[] = [];
  const seen = new Set<string>();
  const entries: [organ: string, options: WrittenDependency, key: string | number][] = Array.isArray(written)
    ? written.map((organ, index) => [organ, {}, index])
    : Object.entries(written ?? {}).map(([organ, options]) => [organ, options, organ]);
  for (const [organ, options, key] of entries) {
    const path = ['organs', name, 'depends_on', key];
    const at = { path, at: typeof key === 'string' ? ('key' as const) : ('value' as const) };
    if (seen.has(organ)) continue;
    seen.add(organ);
    const required = options.required ?? true;
    if (organ === name) {
      report({ ...at, message: `organ ${name} depends on itself: ${name} -> ${name}` });
      continue;
    }
    if (!names.isDeclared(organ)) {
      const hint = didYouMean(organ, names.all);
      report({ ...at, message: `organ ${name} depends on "${organ}", which does not exist`, hint });
      continue;
    }
    if (!names.isActive(organ)) {
      const hint = `add --profile ${names.profilesOf(organ)[0]}, or write { ${organ}: { required: false } }`;
      if (required) report({ ...at, message: `organ ${name} needs ${organ}, and ${whyInactive(organ, names)}`, hint });
      continue;
    }
    const target = organs[organ];
    if (target === undefined) continue;
    const condition = options.condition ?? impliedCondition(target);
    if (condition === 'healthy' && target.kind === 'task') {
      const hint = 'write `condition: completed`: a task is done when it has run to its end';
      report({
        path: [...path, 'condition'],
        message: `organ ${name} waits for task ${organ} to be healthy, which a task never is`,
        hint,
      });
    }
    if (condition === 'completed' && target.kind === 'service' && target.restart.policy === 'always') {
      warn(
        `organ ${name} waits for ${organ} to complete, and ${organ} is restarted whenever it exits (restart: always)`,
      );
    }
    dependencies.push({ organ, condition, restart: options.restart ?? false, required });
  }
  return dependencies;
}

/** Without a condition: a task has run to its end, an organ with a probe passes it, any other has been started. */
function impliedCondition(target: OrganConfig): Dependency['condition'] {
  if (target.kind === 'task') return 'completed';
  return target.health.probe.kind === 'none' ? 'started' : 'healthy';
}

export function checkCycles(organs: Organs, written: Readonly<Record<string, WrittenOrgan>>, report: Report): void {
  for (const cycle of findCycles(graphOf(organs))) {
    const [from, to = from] = cycle;
    const list = written[from!]?.depends_on;
    const key = Array.isArray(list) ? list.indexOf(to!) : to!;
    const at = typeof key === 'string' ? 'key' : 'value';
    report({
      path: ['organs', from!, 'depends_on', key],
      at,
      message: `organs depend on each other: ${showCycle(cycle)}`,
    });
  }
}

function graphOf(organs: Organs): Graph {
  return new Map(
    Object.values(organs).map((organ) => [organ.name, organ.dependsOn.map((dependency) => dependency.organ)]),
  );
}

/** Two listeners cannot have one port. */
export function checkPorts(organs: Organs, registry: SystemConfig['registry'], report: Report): void {
  const owners = new Map<number, string>();
  if (registry && registry.port !== 'auto') owners.set(registry.port, 'the registry');
  for (const organ of Object.values(organs)) {
    for (const { name, port } of organ.ports) {
      if (port === 'auto') continue;
      const owner = owners.get(port);
      const path = ['organs', organ.name, 'ports', name];
      if (owner)
        report({
          path,
          message: `port ${port} of organ ${organ.name} is also the port of ${owner}`,
          hint: 'write `auto` to have a free one chosen',
        });
      else owners.set(port, `organ ${organ.name}`);
    }
  }
}

/** Instances are known by their names alone, so an organ must not be called as an instance of another is. */
export function checkInstanceNames(organs: Organs, report: Report): void {
  for (const { name, replicas, autoscale } of Object.values(organs)) {
    const taken = takenInstanceName(organs, name, Math.max(replicas, autoscale?.max ?? 1));
    if (taken === null) continue;
    report({
      path: ['organs', taken],
      at: 'key',
      message: `organ ${taken} has the name of an instance of ${name}`,
      hint: 'give one of the two another name',
    });
  }
}

/** Steps name organs that exist, each once, and no step waits for a later one. Answers them without inactive organs. */
export function resolveSteps(steps: readonly BootStep[], organs: Organs, names: Names, report: Report): BootStep[] {
  const stepOf = new Map<string, number>();
  const resolved = steps.map((step, index) => {
    const active: string[] = [];
    for (const [position, organ] of step.organs.entries()) {
      const path = ['boot', 'steps', index, 'organs', position];
      const before = stepOf.get(organ);
      if (!names.isDeclared(organ)) reportUnknown(organ, `step "${step.name}"`, path, names, report);
      else if (before !== undefined)
        report({ path, message: `organ ${organ} is already part of step "${steps[before]!.name}"` });
      else {
        stepOf.set(organ, index);
        if (names.isActive(organ)) active.push(organ);
      }
    }
    return { name: step.name, organs: active };
  });
  for (const [organ, index] of stepOf) {
    const later = needsOf(organ, organs).find((need) => (stepOf.get(need) ?? -1) > index);
    if (later === undefined) continue;
    const path = ['boot', 'steps', index, 'organs', steps[index]!.organs.indexOf(organ)];
    const message = `organ ${organ} of step "${steps[index]!.name}" needs ${later}, which boots only in the later step "${steps[stepOf.get(later)!]!.name}"`;
    report({ path, message, hint: 'put it into the same or an earlier step' });
  }
  return resolved;
}

/** Everything that an organ needs, directly or through others. */
function needsOf(organ: string, organs: Organs): string[] {
  const found = new Set<string>([organ]);
  for (const name of found) for (const { organ: need } of organs[name]?.dependsOn ?? []) found.add(need);
  found.delete(organ);
  return [...found];
}
