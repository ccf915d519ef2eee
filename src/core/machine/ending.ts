import { declared, UNKNOWN } from '../health.ts';
import { decideRestart, NO_RESTARTS } from '../restart.ts';
import { humanDuration } from '../time.ts';
import { describeExit, within } from './describe.ts';
import type { InstanceInput } from './inputs.ts';
import type { AfterStop, In, Instance } from './state.ts';
import {
  type Context,
  emit,
  exitedEvent,
  exitOf,
  ignore,
  killTree,
  quiet,
  set,
  type Turn,
  turn,
  wait,
} from './turn.ts';

/** How a life ends, and what comes of it: stopped, begun again, healed by its policy, completed, failed, stuck. */

/** This many restarts in a row without one long run are a crash loop. */
const CRASH_LOOP = 3;

export const toBeHealed = (cause: string): AfterStop => ({ next: 'policy', success: false, cause });

/** Ends a running life: the organ's own way first, then by force. `after` says what then. */
export function endLife(instance: Instance, next: AfterStop, context: Context): Turn {
  const { state } = instance;
  if (state.tag !== 'starting' && state.tag !== 'ready') return ignore(instance);
  // Whoever wanted it has said why.
  const why = next.next === 'policy' ? next.cause : (instance.reason ?? (next.next === 'again' ? 'restart' : 'stop'));
  return turn(
    {
      ...set(instance, { tag: 'stopping', life: state.life, since: context.at, after: next, exited: false }),
      reason: next.next === 'policy' ? next.cause : instance.reason,
      errors: instance.errors + (next.next === 'policy' ? 1 : 0),
      stopWanted: null,
    },
    ...quiet(instance),
    emit(instance, 'organ-stopping', `${instance.name} is stopping (${why})`, { cause: why }),
    {
      type: 'stopTree',
      instance: instance.name,
      generation: state.life.generation,
      timeoutMs: instance.stopTimeoutMs ?? context.stopTimeoutMs,
    },
  );
}

export function onExited(
  instance: Instance & { state: In<'starting' | 'ready'> },
  input: Extract<InstanceInput, { type: 'exited' }>,
  context: Context,
  asked?: AfterStop,
): Turn {
  const { exit } = input;
  const wasReady = instance.state.tag === 'ready';
  const success = exit.code !== null && context.organ.successExitCodes.includes(exit.code);
  const cause = `${describeExit(exit)}${wasReady || (success && context.organ.kind === 'task') ? '' : ' before it was ready'}`;
  const next: AfterStop = asked ?? instance.stopWanted ?? { next: 'policy', success, cause };
  const expected = next.next !== 'policy' || (success && context.organ.restart.policy !== 'always');
  return turn(
    {
      ...set(instance, { tag: 'stopping', life: instance.state.life, since: context.at, after: next, exited: true }),
      lastExit: exitOf(exit),
      reason: next.next === 'policy' ? cause : instance.reason,
      errors: instance.errors + (expected ? 0 : 1),
      stopWanted: null,
    },
    ...quiet(instance),
    exitedEvent(instance, exit, context),
    // What it left behind must be gone before it is started again, or it would hold ports and files.
    killTree(instance.name, instance.state.life),
  );
}

export function onGone(
  instance: Instance & { state: In<'stopping'> },
  input: Extract<InstanceInput, { type: 'gone' }>,
  context: Context,
): Turn {
  if (input.left.length > 0) return becomeStuck(instance, input.left);
  const next = instance.desired === 'down' ? ({ next: 'stopped' } as const) : instance.state.after;
  switch (next.next) {
    case 'stopped':
      return settleStopped(instance);
    case 'again':
      return turn(
        { ...wait(instance, context).instance, history: NO_RESTARTS, reason: null, restarts: instance.restarts + 1 },
        emit(instance, 'organ-stopped', `${instance.name} is stopped, to start again`, {}),
      );
    case 'policy':
      return heal(instance, next, context.at.mono - instance.state.life.since.mono, context);
  }
}

/** It ended of itself or had to be ended: ask the policy. */
export function heal(
  instance: Instance,
  ending: Extract<AfterStop, { next: 'policy' }>,
  uptimeMs: number,
  context: Context,
): Turn {
  const decision = decideRestart(
    context.organ.restart,
    { success: ending.success, uptimeMs },
    instance.history,
    context.at.mono,
    context.random,
  );
  if (decision.restart) {
    const delayMs = Math.round(decision.delayMs);
    const crashLoop = decision.history.step >= CRASH_LOOP;
    const level =
      crashLoop || instance.health.level === 'Critical'
        ? 'Critical'
        : ending.success
          ? instance.health.level
          : 'Degraded';
    const healing: Instance = {
      ...set(instance, { tag: 'backoff', until: context.at.mono + delayMs }),
      reason: ending.cause,
      history: decision.history,
      restarts: instance.restarts + 1,
      health: declared(instance.health, level, crashLoop ? `crash loop: ${ending.cause}` : ending.cause),
    };
    return turn(
      healing,
      emit(instance, 'organ-restarting', `${instance.name} restarts in ${humanDuration(delayMs)}: ${ending.cause}`, {
        delayMs,
        attempt: decision.history.step,
        cause: ending.cause,
      }),
      { type: 'timer', instance: instance.name, generation: instance.generation, timer: 'backoff', delayMs },
    );
  }
  if (decision.why === 'policy' && ending.success) {
    const completed: Instance = {
      ...set(instance, { tag: 'completed' }),
      reason: null,
      health: declared(instance.health, 'Healthy', null),
      wasReady: true,
    };
    return turn(
      completed,
      emit(instance, 'organ-completed', `${instance.name} completed after ${humanDuration(uptimeMs)}`, {
        durationMs: Math.round(uptimeMs),
        code: instance.lastExit?.code ?? null,
      }),
    );
  }
  const { limit, windowMs } = context.organ.restart;
  const suffix = decision.why === 'limit' ? `; the limit of ${limit} restarts ${within(windowMs)} is reached` : '';
  return fail(instance, `${ending.cause}${suffix}`, context);
}

export function fail(instance: Instance, cause: string, context: Context): Turn {
  const failed: Instance = {
    ...set(instance, { tag: 'failed', cause }),
    reason: cause,
    stopWanted: null,
    health: declared(instance.health, 'Critical', cause),
  };
  const blocked = [...context.blocks()];
  const keeps = blocked.length > 0 ? `; it keeps ${blocked.join(', ')} from starting` : '';
  return turn(
    failed,
    emit(instance, 'organ-failed', `${instance.name} failed: ${cause}${keeps}`, {
      cause,
      code: instance.lastExit?.code ?? null,
      signal: instance.lastExit?.signal ?? null,
      blocked,
    }),
  );
}

export function settleStopped(instance: Instance): Turn {
  return turn(
    { ...set(instance, { tag: 'stopped' }), stopWanted: null, health: UNKNOWN },
    emit(instance, 'organ-stopped', `${instance.name} is stopped`, { reason: instance.reason }),
  );
}

function becomeStuck(instance: Instance & { state: In<'stopping'> }, left: In<'stuck'>['processes']): Turn {
  const who = left.map((process) => `${process.pid} (${process.command})`).join(', ');
  const reason = `could not be killed: ${who}`;
  const stuck: Instance = {
    ...set(instance, { tag: 'stuck', life: instance.state.life, processes: left }),
    reason,
    health: declared(instance.health, 'Critical', reason),
  };
  return turn(
    stuck,
    emit(instance, 'organ-stuck', `${instance.name} is stuck: ${left.length} of its processes ${reason}`, {
      processes: left.map(({ pid, command }) => ({ pid, command })),
    }),
  );
}
