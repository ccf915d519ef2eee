import type { NewEvent } from '../events.ts';
import { humanDuration, type Instant } from '../time.ts';
import type { Effect } from './effects.ts';
import type { CheckOutcome } from './inputs.ts';
import { Instances } from './instances.ts';
import { instancesOf, isHopeless, type Obstacle, obstacles } from './relations.ts';
import type { Boot, Instance, SystemState } from './state.ts';

/** How a boot goes on: step after step, then azora's own two, until the system is ready or cannot be. */

export const MONITORING_STEP = 'Health and security monitoring';
export const CHECKS_STEP = 'Comprehensive checks';

/** The file's steps and azora's own. */
export function stepNames(system: SystemState): string[] {
  return [...system.config.boot.steps.map((step) => step.name), MONITORING_STEP, CHECKS_STEP];
}

interface Progress {
  readonly boot: Boot;
  readonly effects: Effect[];
}

/** Whether a started boot has got further; to be asked after every input while the phase is `booting`. */
export function advanceBoot(system: SystemState, at: Instant): Progress {
  const effects: Effect[] = [];
  const failed = criticalFailure(system);
  if (failed) return bootFailed(system, failed);

  let { boot } = system;
  const { steps } = system.config.boot;
  const total = steps.length + 2;

  while (boot.step < steps.length) {
    const organs = steps[boot.step]!.organs.filter((organ) => boot.wanted.has(organ));
    if (!areSettled(system, organs)) return { boot, effects };
    const instances = organs.flatMap((organ) => instancesOf(system, organ));
    const bad = instances.filter((instance) => hasFailed(system, instance)).map((instance) => instance.name);
    if (organs.length > 0) {
      effects.push(
        stepEvent(steps[boot.step]!.name, boot.step, total, bad.length > 0 ? 'failed' : 'done', organs, bad),
      );
    }
    boot = { ...boot, step: boot.step + 1 };
    const next = steps[boot.step];
    if (next) effects.push(...stepStarted({ ...system, boot }));
  }

  if (!areSettled(system, boot.wanted)) return { boot, effects };
  const wanted = [...boot.wanted].flatMap((organ) => instancesOf(system, organ));

  if (boot.step === steps.length) {
    const monitored = wanted.filter((instance) => instance.state.tag === 'ready' && !instance.state.assumed).length;
    effects.push(
      stepEvent(MONITORING_STEP, boot.step, total, 'started', [], []),
      { type: 'guard' },
      stepEvent(MONITORING_STEP, boot.step, total, 'done', [], [], {
        message: `health of ${monitored} instances is checked every ${humanDuration(system.config.health.intervalMs)} unless they say otherwise, security every ${humanDuration(system.config.security.intervalMs)}`,
      }),
      stepEvent(CHECKS_STEP, boot.step + 1, total, 'started', [], []),
      { type: 'runChecks' },
    );
    boot = { ...boot, step: boot.step + 1 };
  }
  if (boot.checksPassed === null) return { boot, effects };

  const durationMs = Math.round(at.mono - boot.bootingSince.mono);
  const upCount = wanted.filter(
    (instance) => instance.state.tag === 'ready' || instance.state.tag === 'completed',
  ).length;
  effects.push(
    { type: 'bootDeadline', delayMs: null },
    emit(
      'system-ready',
      `${system.config.name} is ready after ${humanDuration(durationMs)}: ${upCount} of ${wanted.length} up`,
      {
        durationMs,
        organs: boot.wanted.size,
        checksPassed: boot.checksPassed,
      },
    ),
  );
  return { boot: { ...boot, step: total, phase: 'ready', saidReady: true }, effects };
}

/** The event with which the present step begins; none when this boot has nothing to do in it. */
export function stepStarted(system: SystemState): Effect[] {
  const { boot } = system;
  const step = system.config.boot.steps[boot.step];
  const organs = step?.organs.filter((organ) => boot.wanted.has(organ)) ?? [];
  if (!step || organs.length === 0) return [];
  return [stepEvent(step.name, boot.step, system.config.boot.steps.length + 2, 'started', organs, [])];
}

/** What the comprehensive checks found. */
export function checksEvent(checks: readonly CheckOutcome[]): NewEvent {
  const bad = checks.filter((check) => !check.passed);
  const message =
    checks.length === 0
      ? 'no checks are declared'
      : bad.length === 0
        ? `all ${checks.length} checks passed`
        : `${bad.length} of ${checks.length} checks failed: ${bad.map((check) => `${check.name} (${check.message})`).join('; ')}`;
  const data = { passed: bad.length === 0, checks: checks.map((check) => ({ ...check })) };
  return { type: 'checks-completed', organ: null, instance: null, message, data };
}

/** The comprehensive checks have answered. */
export function checksDone(system: SystemState, passed: boolean, checks: readonly CheckOutcome[]): Progress {
  const { boot } = system;
  const event = checksEvent(checks);
  const { message } = event;
  const bad = checks.filter((check) => !check.passed);
  const effects: Effect[] = [{ type: 'emit', event }];
  if (boot.phase !== 'booting') return { boot, effects };
  const steps = system.config.boot.steps.length;
  effects.push(
    stepEvent(
      CHECKS_STEP,
      steps + 1,
      steps + 2,
      passed ? 'done' : 'failed',
      [],
      bad.map((check) => check.name),
      { message },
    ),
  );
  return { boot: { ...boot, checksPassed: passed }, effects };
}

/** The boot's deadline has passed. */
export function bootTimedOut(system: SystemState): Progress {
  const late = [...system.boot.wanted]
    .flatMap((organ) => instancesOf(system, organ))
    .filter((instance) => !isSettled(system, instance));
  const words = late.map(
    (instance) =>
      waitingReason(system, instance) ??
      `${instance.name} is not ready${instance.reason ? ` (${instance.reason})` : ''}`,
  );
  const isWaiting = (instance: Instance): boolean => instance.state.tag === 'waiting';
  const limit = humanDuration(system.config.boot.timeoutMs);
  return bootFailed(system, {
    reason: `not ready within ${limit} (boot.timeout): ${words.join('; ') || 'the comprehensive checks have not ended'}`,
    failed: [],
    late: late.filter((instance) => !isWaiting(instance)),
    blocked: late.filter(isWaiting).map(({ name }) => name),
  });
}

interface WhyNot {
  readonly reason: string;
  /** Instances that failed for good. */
  readonly failed: readonly string[];
  /** Those that might have been ready some day, and those that wait for them. */
  readonly late?: readonly Instance[];
  readonly blocked?: readonly string[];
}

function bootFailed(system: SystemState, { reason, failed, late = [], blocked = [] }: WhyNot): Progress {
  return {
    boot: { ...system.boot, phase: 'boot-failed' },
    effects: [
      { type: 'bootDeadline', delayMs: null },
      emit('system-boot-failed', `the boot of ${system.config.name} failed: ${reason}. What runs keeps running.`, {
        reason,
        failed: [...failed],
        late: late.map(({ organ, name }) => ({ organ, instance: name })),
        blocked: [...blocked],
      }),
    ],
  };
}

/** A critical organ that is not going to be ready ends the boot. */
function criticalFailure(system: SystemState): { reason: string; failed: string[] } | null {
  if (!Instances.anyLost(system.instances)) return null;
  for (const organ of system.boot.wanted) {
    if (!system.config.organs[organ]?.critical) continue;
    for (const instance of instancesOf(system, organ)) {
      if (!hasFailed(system, instance)) continue;
      const why = waitingReason(system, instance) ?? `${instance.name} failed: ${instance.reason ?? 'no reason known'}`;
      return { reason: `critical organ ${why}`, failed: [instance.name] };
    }
  }
  return null;
}

/** Asked after every input, and mostly answered by the first that is still on its way. */
function areSettled(system: SystemState, organs: Iterable<string>): boolean {
  for (const organ of organs) {
    if (!instancesOf(system, organ).every((instance) => isSettled(system, instance))) return false;
  }
  return true;
}

/** Nothing more is going to happen to it in this boot by itself. */
function isSettled(system: SystemState, instance: Instance): boolean {
  const { tag } = instance.state;
  return tag === 'ready' || tag === 'completed' || instance.desired === 'down' || isHopeless(system, instance);
}

function hasFailed(system: SystemState, instance: Instance): boolean {
  return instance.desired === 'up' && isHopeless(system, instance);
}

/** "mint waits for covenant to be healthy: covenant is failed (…)"; null when it is not waiting. */
export function waitingReason(system: SystemState, instance: Instance, known?: readonly Obstacle[]): string | null {
  if (instance.state.tag !== 'waiting') return null;
  const unmet = known ?? obstacles(system, instance);
  if (unmet.length === 0) {
    const step = system.config.boot.steps[system.boot.step];
    return system.boot.phase === 'booting' && step ? `${instance.name} waits for the step "${step.name}" to end` : null;
  }
  return `${instance.name} waits for ${unmet.map(({ organ, condition, state }) => `${organ} to be ${condition}: ${state}`).join(', and for ')}`;
}

function stepEvent(
  step: string,
  index: number,
  total: number,
  status: 'started' | 'done' | 'failed',
  organs: readonly string[],
  failed: readonly string[],
  more: { readonly message?: string } = {},
): Effect {
  const what = status === 'failed' && failed.length > 0 ? `failed (${failed.join(', ')})` : status;
  const detail = more.message ? `: ${more.message}` : '';
  return emit('boot-step', `step ${index + 1} of ${total}, ${step}, ${what}${detail}`, {
    step,
    index,
    total,
    status,
    organs: [...organs],
    failed: [...failed],
    ...more,
  });
}

function emit(type: NewEvent['type'], message: string, data: NewEvent['data']): Effect {
  return { type: 'emit', event: { type, organ: null, instance: null, message, data } };
}
