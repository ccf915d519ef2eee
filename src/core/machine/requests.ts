import type { SystemConfig } from '../config/model.ts';
import type { Plan } from '../plan.ts';
import type { Decision } from '../security.ts';
import type { Phase } from '../status.ts';
import { stepStarted } from './boot.ts';
import { type Draft, keep } from './draft.ts';
import { beginEmergency } from './emergency.ts';
import { onDecision } from './guard.ts';
import type { SystemInput } from './inputs.ts';
import { newInstance } from './new-system.ts';
import { instancesOf, withDependencies, withRestarting } from './relations.ts';
import { reloaded } from './reload.ts';
import { instanceNames, isAlive, type SystemState } from './state.ts';
import { start, stop } from './wants.ts';

/** What users, the clock, decisions and emergencies ask of the system as a whole. */

export function up(draft: Draft, input: Extract<SystemInput, { type: 'up' }>): void {
  const { config, boot } = draft.system;
  const first = boot.phase === 'stopped' || boot.phase === 'halted';
  const named = input.organs ?? organsToStart(draft.system);
  const wanted = input.noDeps ? new Set(named) : withDependencies(config, named);
  const held = new Set(input.heldDown);

  // A system that was ready stays so while something is added to it; any other boots (again), from the first step.
  const booting = first || !boot.saidReady;
  draft.boot({
    wanted: new Set([...(first ? [] : boot.wanted), ...wanted]),
    noDeps: input.noDeps,
    ...(booting ? { phase: 'booting' as const, step: 0, checksPassed: null, bootingSince: draft.at } : {}),
  });
  if (booting && boot.phase !== 'booting') {
    draft.emit('system-booting', `${config.name} is booting: ${wanted.size} organs`, {
      organs: [...wanted],
      configHash: config.configHash,
      file: config.file,
      instances: Object.fromEntries([...draft.system.instances.values()].map(({ name, organ }) => [name, organ])),
    });
  }
  if (booting) {
    draft.effects.push({ type: 'bootDeadline', delayMs: config.boot.timeoutMs }, ...stepStarted(draft.system));
  }
  draft.each((instance, context) => {
    if (draft.system.retiring.has(instance.name)) return keep(instance);
    if (held.has(instance.organ)) {
      return isAlive(instance)
        ? keep(instance)
        : keep({ ...instance, desired: 'down', reason: 'stopped by a user; it stays down until someone starts it' });
    }
    if (!wanted.has(instance.organ)) {
      const autostart = config.organs[instance.organ]!.autostart;
      const reason = autostart ? 'not asked for' : 'autostart is false';
      return instance.state.tag === 'stopped' && instance.reason === null
        ? keep({ ...instance, reason })
        : keep(instance);
    }
    if (!startsByItself(draft.system, instance.organ)) {
      return instance.state.tag === 'stopped'
        ? keep({ ...instance, reason: 'it runs on its schedule' })
        : keep(instance);
    }
    // What has completed is not missing.
    return instance.state.tag === 'completed' ? keep(instance) : start(instance, context);
  });
}

/** Those that start by themselves, without those that are on their way out. */
function organsToStart({ config, retiring }: SystemState): string[] {
  return Object.values(config.organs).flatMap((organ) =>
    organ.autostart && !instanceNames(organ).every((name) => retiring.has(name)) ? [organ.name] : [],
  );
}

export function act(draft: Draft, verb: 'start' | 'stop' | 'restart', names: readonly string[], why?: string): void {
  const { phase } = draft.system.boot;
  // Whoever is on the way down starts nothing any more.
  if (verb !== 'stop' && isGoingDown(phase)) return;
  switch (verb) {
    case 'start': {
      const organs = new Set(names.flatMap((name) => draft.system.instances.get(name)?.organ ?? []));
      // What it needs comes along, unless that is there or has done its work.
      const needed = withDependencies(draft.system.config, organs);
      draft.boot({ wanted: new Set([...draft.system.boot.wanted, ...needed]) });
      for (const organ of needed) {
        if (organs.has(organ)) continue;
        for (const instance of instancesOf(draft.system, organ)) {
          if (instance.state.tag === 'stopped' || instance.state.tag === 'failed') draft.turn(instance.name, start);
        }
      }
      for (const name of names) draft.turn(name, start);
      return;
    }
    case 'stop':
      for (const name of names) {
        draft.turn(name, (instance, context) => stop(instance, 'stopped by a user', { next: 'stopped' }, context));
      }
      return;
    case 'restart':
      for (const name of withRestarting(draft.system, names)) {
        draft.turn(name, (instance, context) =>
          stop(instance, why ?? 'restart asked for by a user', { next: 'again' }, context),
        );
      }
      return;
  }
}

export function reload(draft: Draft, config: SystemConfig, heldDown: readonly string[]): void {
  if (isGoingDown(draft.system.boot.phase)) return;
  const { state, plan, begun, retired, restarted } = reloaded(draft.system, config, newInstance);
  draft.system = state;
  for (const name of begun) draft.changed.add(name);
  for (const name of retired) {
    draft.turn(name, (instance, context) => stop(instance, 'in the file no more', { next: 'stopped' }, context));
  }
  for (const name of restarted) {
    draft.turn(name, (instance, context) => stop(instance, 'its declaration changed', { next: 'again' }, context));
  }
  for (const name of begun) {
    const { organ } = state.instances.get(name)!;
    if (state.boot.wanted.has(organ) && !heldDown.includes(organ) && startsByItself(state, organ))
      draft.turn(name, start);
  }
  // What had failed may do better as it is declared now.
  const changed = new Set(plan.organs.map((row) => row.organ));
  for (const instance of state.instances.values()) {
    if (instance.state.tag === 'failed' && changed.has(instance.organ) && !retired.includes(instance.name)) {
      draft.turn(instance.name, start);
    }
  }
  draft.emit('config-reloaded', describePlan(plan), {
    configHash: config.configHash,
    system: [...plan.system],
    organs: plan.organs.map(({ organ, action, why }) => ({ organ, action, why: [...why] })),
    instances: Object.fromEntries(
      [...state.instances.values()].flatMap(({ name, organ }) => (state.retiring.has(name) ? [] : [[name, organ]])),
    ),
  });
}

function describePlan(plan: Plan): string {
  const changes = [
    ...plan.organs.map(({ organ, action, why }) => `${action} ${organ} (${why.join(', ')})`),
    ...plan.system,
  ];
  return changes.length === 0 ? 'the file says what runs already' : `reloaded: ${changes.join('; ')}`;
}

/** A scheduled task's time: started, unless the run before has not ended yet. */
export function due(draft: Draft, organ: string, missed: number): void {
  if (isGoingDown(draft.system.boot.phase)) return;
  for (const { name } of instancesOf(draft.system, organ)) {
    const instance = draft.system.instances.get(name)!;
    const { runs = 0, skipped = 0, missed: before = 0 } = instance.health.metrics;
    const overlaps = isAlive(instance) || instance.state.tag === 'waiting' || instance.state.tag === 'backoff';
    if (!overlaps) draft.turn(name, start);
    const metrics = { runs: runs + (overlaps ? 0 : 1), skipped: skipped + (overlaps ? 1 : 0), missed: before + missed };
    draft.turn(name, (now) => keep({ ...now, health: { ...now.health, metrics } }));
    if (overlaps) {
      draft.warn(
        organ,
        name,
        `${name} is not started: the run before has not ended yet (${metrics.skipped} skipped so far)`,
        {
          kind: 'schedule-skipped',
          ...metrics,
        },
      );
    }
    if (missed > 0) {
      draft.warn(
        organ,
        name,
        `${missed} runs of ${name} were missed: the machine or azora was not there; it runs once now`,
        {
          kind: 'schedule-missed',
          ...metrics,
        },
      );
    }
  }
}

export function emergency(draft: Draft, reason: string, organ: string | null): void {
  const { phase } = draft.system.boot;
  if (phase === 'emergency' || phase === 'halted' || phase === 'stopped') return;
  draft.effects.push(...beginEmergency(draft.system, reason, organ));
  draft.stopping('emergency');
  draft.each((instance, context) =>
    instance.state.tag === 'failed'
      ? keep(instance)
      : stop(instance, 'emergency shutdown', { next: 'stopped' }, context),
  );
}

export function decide(draft: Draft, answer: Decision | string): void {
  const { effects, act: decision } = onDecision(draft.system, answer);
  draft.effects.push(...effects);
  if (!decision) return;
  const names = decision.organ ? instancesOf(draft.system, decision.organ).map((instance) => instance.name) : [];
  switch (decision.action) {
    case 'restart-organ':
      act(draft, 'restart', names, `restarted for security: ${decision.reason}`);
      return;
    case 'stop-organ':
      for (const name of names) {
        draft.turn(name, (instance, context) =>
          stop(instance, `stopped for security: ${decision.reason}`, { next: 'stopped' }, context),
        );
      }
      return;
    case 'emergency-shutdown':
      emergency(draft, `a decision about security: ${decision.reason}`, decision.organ);
      return;
    case 'observe':
      return;
  }
}

/** A task on a schedule is started by the clock alone. */
const startsByItself = (system: SystemState, organ: string): boolean => system.config.organs[organ]?.schedule === null;

export const isGoingDown = (phase: Phase): boolean =>
  phase === 'stopping' || phase === 'stopped' || phase === 'emergency' || phase === 'halted';
