import type { SystemConfig } from '../config/model.ts';
import type { NewEvent } from '../events.ts';
import { aggregate, UNJUDGED, UNKNOWN } from '../health.ts';
import type { Plan } from '../plan.ts';
import { NO_RESTARTS } from '../restart.ts';
import { type Decision, SECURE } from '../security.ts';
import type { Phase } from '../status.ts';
import type { Instant } from '../time.ts';
import { advanceBoot, bootTimedOut, checksDone, stepStarted, waitingReason } from './boot.ts';
import type { Effect } from './effects.ts';
import { beginEmergency, emergencyIn } from './emergency.ts';
import { endLife } from './ending.ts';
import { onDecision, onFindings } from './guard.ts';
import type { Stamped, SystemInput } from './inputs.ts';
import { stepInstance } from './instance.ts';
import {
  conditionsHold,
  instancesOf,
  obstacles,
  relationsOf,
  stillNeeding,
  transitiveDependents,
  withDependencies,
  withRestarting,
} from './relations.ts';
import { dropRetired, reloaded } from './reload.ts';
import { begin } from './starting.ts';
import { type Boot, type Instance, instanceNames, isAlive, type SystemState } from './state.ts';
import type { Context, Turn } from './turn.ts';
import { dependentInstances, verdictOf } from './verdict.ts';
import { force, start, stop } from './wants.ts';

export interface Result {
  readonly state: SystemState;
  readonly effects: readonly Effect[];
}

/** The whole decision: what was, what happened, and what is to be done about it. Pure. */
export function step(before: SystemState, { input, at, random }: Stamped<SystemInput>): Result {
  const draft = new Draft(before, at, random);
  switch (input.type) {
    case 'up':
      up(draft, input);
      break;
    case 'down':
      if (before.boot.phase !== 'emergency') draft.phase('stopping');
      draft.boot({ stopTimeoutMs: input.timeoutMs });
      draft.emit('system-stopping', `${before.config.name} is stopping (${input.reason})`, { reason: input.reason });
      draft.effects.push({ type: 'bootDeadline', delayMs: null });
      draft.each((instance, context) => stop(instance, input.reason, { next: 'stopped' }, context));
      break;
    case 'due':
      due(draft, input.organ, input.missed);
      break;
    case 'reload':
      reload(draft, input.config, input.heldDown);
      break;
    case 'force':
      draft.each((instance, context) => force(instance, 'azora down --force', context));
      break;
    case 'act':
      for (const name of input.verb === 'start' ? [] : input.instances) {
        const stopTimeoutMs = input.stopTimeoutMs ?? null;
        draft.turn(name, (instance) =>
          instance.stopTimeoutMs === stopTimeoutMs ? keep(instance) : keep({ ...instance, stopTimeoutMs }),
        );
      }
      act(draft, input.verb, input.instances, input.reason);
      break;
    case 'checked':
      draft.progress(checksDone(draft.system, input.passed, input.checks));
      break;
    case 'bootTimeout':
      if (draft.system.boot.phase === 'booting') draft.progress(bootTimedOut(draft.system));
      break;
    case 'emergency':
      emergency(draft, input.reason, input.organ);
      break;
    case 'emergencyDeadline':
      if (before.boot.phase === 'emergency') {
        draft.each((instance, context) =>
          isAlive(instance) ? force(instance, 'the emergency deadline has passed', context) : keep(instance),
        );
      }
      break;
    case 'findings': {
      const { state, effects, emergency: reason } = onFindings(draft.system, input.findings);
      draft.system = state;
      draft.effects.push(...effects);
      if (reason) emergency(draft, reason, null);
      break;
    }
    case 'decision':
      decide(draft, input.answer);
      break;
    case 'self':
      draft.system = { ...draft.system, self: input.verdict };
      break;
    case 'instance':
      draft.turn(input.instance, (instance, context) => stepInstance(instance, input.input, context));
      break;
  }
  cascade(before, draft);
  release(draft);
  if (draft.system.boot.phase === 'booting') {
    draft.progress(advanceBoot(draft.system, at));
    release(draft); // a step that ended opens the next one's gate
  }
  const failed = emergencyIn(before, draft.system, draft.changed);
  if (failed) {
    emergency(draft, `critical organ ${failed.name} failed: ${failed.reason ?? 'no reason known'}`, failed.organ);
    release(draft);
  }
  draft.system = dropRetired(draft.system) ?? draft.system;
  judge(before, draft);
  sayWhoWaits(before, draft);
  sayStatus(before, draft);
  sayStopped(draft);
  return { state: draft.system, effects: draft.effects };
}

/** A system that nobody has booted yet. */
export function idle(config: SystemConfig, boot: Pick<Boot, 'bootId' | 'startedAt'>): SystemState {
  return {
    config,
    self: { level: 'Healthy', reason: null },
    security: SECURE,
    retiring: new Set(),
    boot: {
      ...boot,
      bootingSince: boot.startedAt,
      phase: 'stopped',
      step: 0,
      noDeps: false,
      wanted: new Set(),
      saidReady: false,
      stopTimeoutMs: null,
      checksPassed: null,
    },
    instances: new Map(
      Object.values(config.organs).flatMap((organ) =>
        instanceNames(organ).map((name, index) => [name, newInstance(organ.name, name, index + 1)] as const),
      ),
    ),
  };
}

export function newInstance(organ: string, name: string, replica: number): Instance {
  return {
    name,
    organ,
    replica,
    desired: 'down',
    state: { tag: 'stopped' },
    reason: null,
    health: UNKNOWN,
    verdict: UNJUDGED,
    generation: 0,
    restarts: 0,
    errors: 0,
    history: NO_RESTARTS,
    lastExit: null,
    startBegan: null,
    stopWanted: null,
    stopTimeoutMs: null,
    wasReady: false,
    spawnRetries: 0,
  };
}

// ---------------------------------------------------------------------------------------------- what users ask

/** Those that start by themselves, without those that are on their way out. */
function organsToStart({ config, retiring }: SystemState): string[] {
  return Object.values(config.organs).flatMap((organ) =>
    organ.autostart && !instanceNames(organ).every((name) => retiring.has(name)) ? [organ.name] : [],
  );
}

function up(draft: Draft, input: Extract<SystemInput, { type: 'up' }>): void {
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

function reload(draft: Draft, config: SystemConfig, heldDown: readonly string[]): void {
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
  });
}

/** A scheduled task's time: started, unless the run before has not ended yet. */
function due(draft: Draft, organ: string, missed: number): void {
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

function describePlan(plan: Plan): string {
  const changes = [
    ...plan.organs.map(({ organ, action, why }) => `${action} ${organ} (${why.join(', ')})`),
    ...plan.system,
  ];
  return changes.length === 0 ? 'the file says what runs already' : `reloaded: ${changes.join('; ')}`;
}

/** A task on a schedule is started by the clock alone. */
const startsByItself = (system: SystemState, organ: string): boolean => system.config.organs[organ]?.schedule === null;

function act(draft: Draft, verb: 'start' | 'stop' | 'restart', names: readonly string[], why?: string): void {
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

function emergency(draft: Draft, reason: string, organ: string | null): void {
  const { phase } = draft.system.boot;
  if (phase === 'emergency' || phase === 'halted' || phase === 'stopped') return;
  draft.effects.push(...beginEmergency(draft.system, reason, organ));
  draft.phase('emergency');
  draft.each((instance, context) =>
    instance.state.tag === 'failed'
      ? keep(instance)
      : stop(instance, 'emergency shutdown', { next: 'stopped' }, context),
  );
}

function decide(draft: Draft, answer: Decision | string): void {
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

const isGoingDown = (phase: Phase): boolean =>
  phase === 'stopping' || phase === 'stopped' || phase === 'emergency' || phase === 'halted';

// ---------------------------------------------------------------------------------------------- what follows

/** Whose dependency goes through a restart, and who wants to go through it too (`depends_on: { x: { restart: true } }`). */
function cascade(before: SystemState, draft: Draft): void {
  if (isGoingDown(draft.system.boot.phase)) return;
  for (const name of [...draft.changed]) {
    const now = draft.system.instances.get(name)!;
    const was = before.instances.get(name)?.state.tag;
    if (now.state.tag !== 'stopping' || now.state.after.next === 'stopped' || (was !== 'ready' && was !== 'starting'))
      continue;
    for (const dependent of withRestarting(draft.system, [name])) {
      if (dependent === name) continue;
      draft.turn(dependent, (instance, context) =>
        stop(instance, `${name} restarts, and it restarts with it`, { next: 'again' }, context),
      );
    }
  }
}

/** Gives each instance whose own health or whose dependencies changed its verdict, and says where that is another one. */
function judge(before: SystemState, draft: Draft): void {
  const open = new Set(draft.changed);
  for (const name of open) {
    open.delete(name);
    const instance = draft.system.instances.get(name);
    if (!instance) continue; // dropped
    const verdict = verdictOf(draft.system, instance);
    const { level, reason } = instance.verdict;
    const differs = verdict.level !== level || verdict.reason !== reason;
    if (differs) draft.replace({ ...instance, verdict });
    const had = before.instances.get(name);
    if (!differs && had?.state.tag === instance.state.tag) continue;
    for (const dependent of dependentInstances(draft.system, instance.organ)) open.add(dependent.name);
  }
  for (const name of draft.changed) {
    const instance = draft.system.instances.get(name);
    if (!instance) continue;
    const from = before.instances.get(name)?.verdict.level ?? 'Unknown';
    const { level: to, reason } = instance.verdict;
    if (from === to) continue;
    draft.effects.push({
      type: 'emit',
      event: {
        type: 'health-changed',
        organ: instance.organ,
        instance: name,
        message: `${name} is ${to}, was ${from}${reason ? `: ${reason}` : ''}`,
        data: { from, to, reason },
      },
    });
  }
}

/** Starts whatever may start and ends whatever may end, until nothing more follows. */
function release(draft: Draft): void {
  for (let again = true; again; ) {
    again = false;
    for (const instance of draft.system.instances.values()) {
      if (instance.stopWanted) {
        if (stillNeeding(draft.system, instance).length > 0 || waitsItsTurn(draft.system, instance)) continue;
        const wanted = instance.stopWanted;
        draft.turn(instance.name, (ending, context) => endLife(ending, wanted, context));
        again = true;
      } else if (mayStart(draft.system, instance)) {
        draft.turn(instance.name, begin);
        again = true;
      }
    }
  }
}

/** Replicas restart one after the other, so that all but one serve at any time. */
function waitsItsTurn(system: SystemState, instance: Instance): boolean {
  if (instance.stopWanted?.next !== 'again') return false;
  return instancesOf(system, instance.organ).some((sibling) => {
    if (sibling === instance || sibling.desired === 'down') return false;
    const { tag } = sibling.state;
    return tag !== 'ready' && tag !== 'failed' && tag !== 'stuck' && tag !== 'completed';
  });
}

function mayStart(system: SystemState, instance: Instance): boolean {
  if (instance.state.tag !== 'waiting' || instance.desired !== 'up') return false;
  const { boot, config } = system;
  switch (boot.phase) {
    case 'booting':
    case 'boot-failed':
      return (relationsOf(config).gate.get(instance.organ) ?? 0) <= boot.step && conditionsHold(system, instance);
    case 'ready':
      return conditionsHold(system, instance);
    case 'stopping':
    case 'stopped':
    case 'emergency':
    case 'halted':
      return false;
  }
}

function sayWhoWaits(before: SystemState, draft: Draft): void {
  for (const instance of draft.system.instances.values()) {
    if (instance.state.tag !== 'waiting' || before.instances.get(instance.name)?.state.tag === 'waiting') continue;
    const message = waitingReason(draft.system, instance) ?? `${instance.name} is waiting`;
    draft.effects.push({
      type: 'emit',
      event: {
        type: 'organ-waiting',
        organ: instance.organ,
        instance: instance.name,
        message,
        data: {
          on: obstacles(draft.system, instance).map(({ organ, condition, state }) => ({ organ, condition, state })),
        },
      },
    });
  }
}

function sayStatus(before: SystemState, draft: Draft): void {
  if (draft.changed.size === 0 && before.self === draft.system.self) return;
  const from = statusOf(before);
  const to = statusOf(draft.system);
  if (from === to) return;
  const own = draft.system.self.reason;
  const why = own && before.self !== draft.system.self ? `: azora itself: ${own}` : '';
  draft.emit('system-status-changed', `${draft.system.config.name} is ${to}, was ${from}${why}`, { from, to });
}

function statusOf(system: SystemState): ReturnType<typeof aggregate> {
  return aggregate([system.self.level, ...[...system.instances.values()].map((instance) => instance.verdict.level)]);
}

/** Down is down when nothing is left to wait for; what is stuck is named by `down` and keeps the system from being stopped. */
function sayStopped(draft: Draft): void {
  const { phase } = draft.system.boot;
  if (phase !== 'stopping' && phase !== 'emergency') return;
  if ([...draft.system.instances.values()].some(isAlive)) return;
  draft.phase(phase === 'emergency' ? 'halted' : 'stopped');
  draft.emit('system-stopped', `${draft.system.config.name} is stopped: no process of it is left`, { survivors: [] });
  draft.effects.push({ type: 'halt' });
}

const keep = (instance: Instance): Turn => ({ instance, effects: [] });

/** The state while one input is worked on. Lives within one call of `step`, which stays pure. */
class Draft {
  system: SystemState;
  readonly effects: Effect[] = [];
  /** Instances that are not what they were. */
  readonly changed = new Set<string>();
  readonly at: Instant;
  readonly #random: number;
  #instances: Map<string, Instance> | null = null;

  constructor(system: SystemState, at: Instant, random: number) {
    this.system = system;
    this.at = at;
    this.#random = random;
  }

  turn(name: string, change: (instance: Instance, context: Context) => Turn): void {
    const instance = this.system.instances.get(name);
    if (!instance) return;
    const { config } = this.system;
    const next = change(instance, {
      organ: config.organs[instance.organ]!,
      at: this.at,
      random: this.#random,
      stopTimeoutMs: this.system.boot.stopTimeoutMs,
      blocks: () => transitiveDependents(config, instance.organ).filter((organ) => this.system.boot.wanted.has(organ)),
    });
    if (next.instance !== instance) this.replace(next.instance);
    this.effects.push(...next.effects);
  }

  replace(instance: Instance): void {
    if (!this.#instances || this.#instances !== this.system.instances) {
      this.#instances = new Map(this.system.instances);
      this.system = { ...this.system, instances: this.#instances };
    }
    this.#instances.set(instance.name, instance);
    this.changed.add(instance.name);
  }

  each(change: (instance: Instance, context: Context) => Turn): void {
    for (const name of [...this.system.instances.keys()]) this.turn(name, change);
  }

  boot(change: Partial<Boot>): void {
    this.system = { ...this.system, boot: { ...this.system.boot, ...change } };
  }

  phase(phase: Phase): void {
    this.boot({ phase });
  }

  progress({ boot, effects }: { boot: Boot; effects: readonly Effect[] }): void {
    if (boot !== this.system.boot) this.system = { ...this.system, boot };
    this.effects.push(...effects);
  }

  warn(organ: string, instance: string, message: string, data: NewEvent['data']): void {
    this.effects.push({ type: 'emit', event: { type: 'warning', organ, instance, message, data } });
  }

  emit(type: NewEvent['type'], message: string, data: NewEvent['data']): void {
    this.effects.push({ type: 'emit', event: { type, organ: null, instance: null, message, data } });
  }
}
