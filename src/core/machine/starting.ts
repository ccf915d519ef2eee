import { declared, type HealthRecord } from '../health.ts';
import { humanDuration } from '../time.ts';
import type { Effect } from './effects.ts';
import { endLife, fail, heal, settleStopped } from './ending.ts';
import type { InstanceInput } from './inputs.ts';
import type { In, Instance, Life } from './state.ts';
import { after, type Context, emit, ignore, set, type Turn, turn, wait } from './turn.ts';

/** From "its conditions hold" to "it is ready". */

/** Alive this long without a probe to pass: ready, and said to be assumed. */
export const ASSUME_READY_MS = 200;
/** While the machine has no room for one more process, outside the organ's own restart limit. */
const SPAWN_AGAIN_MS = { first: 100, most: 5000 };

/** Its conditions hold: spawn it. */
export function begin(instance: Instance, context: Context): Turn {
  const generation = instance.generation + 1;
  const attempt = instance.history.step + 1;
  return turn(
    {
      ...set(instance, { tag: 'spawning', generation, since: context.at, stop: null }),
      generation,
      startBegan: context.at,
      strain: null,
      reason: null,
      stopWanted: null,
      stopTimeoutMs: null,
    },
    emit(instance, 'organ-starting', `${instance.name} is starting${attempt > 1 ? `, attempt ${attempt}` : ''}`, {
      generation,
      attempt,
    }),
    { type: 'spawn', instance: instance.name, generation },
    {
      type: 'timer',
      instance: instance.name,
      generation,
      timer: 'start-timeout',
      delayMs: context.organ.health.startTimeoutMs,
    },
  );
}

export function onSpawned(
  instance: Instance & { state: In<'spawning'> },
  input: Extract<InstanceInput, { type: 'spawned' }>,
  context: Context,
): Turn {
  const life: Life = { generation: input.generation, pid: input.pid, since: context.at };
  const alive = set(instance, { tag: 'starting', life, stage: 'probing', seen: null });
  const started = emit(instance, 'organ-started', `${instance.name} runs as pid ${input.pid}`, { pid: input.pid });
  if (instance.state.stop) return after(turn(alive, started), (i) => endLife(i, instance.state.stop!, context));
  const { name, generation } = alive;
  switch (context.organ.health.probe.kind) {
    case 'none':
      return turn(alive, started, {
        type: 'timer',
        instance: name,
        generation,
        timer: 'assume-ready',
        delayMs: ASSUME_READY_MS,
      });
    case 'log':
    case 'fd':
    case 'ipc':
      return turn(alive, started); // the keeper hears it say so
    case 'http':
    case 'tcp':
    case 'exec':
      return turn(alive, started, { type: 'awaitReady', instance: name, generation });
  }
}

export function onSpawnFailed(
  instance: Instance & { state: In<'spawning'> },
  input: Extract<InstanceInput, { type: 'spawnFailed' }>,
  context: Context,
): Turn {
  const off: Effect = { type: 'cancel', instance: instance.name, timer: 'start-timeout' };
  if (instance.state.stop?.next === 'stopped') {
    return after(turn(instance, off), (i) => settleStopped(i));
  }
  if (input.failedStart) {
    const ended = turn({ ...instance, errors: instance.errors + 1 }, off);
    if (instance.state.stop?.next === 'again') return after(ended, (i) => wait({ ...i, reason: null }, context));
    return after(ended, (i) => heal(i, { next: 'policy', success: false, cause: input.message }, 0, context));
  }
  if (input.again) {
    const spawnRetries = instance.spawnRetries + 1;
    const delayMs = Math.min(SPAWN_AGAIN_MS.first * 2 ** (spawnRetries - 1), SPAWN_AGAIN_MS.most);
    return turn(
      { ...set(instance, { tag: 'backoff', until: context.at.mono + delayMs }), spawnRetries, reason: input.message },
      off,
      emit(
        instance,
        'organ-restarting',
        `cannot start ${instance.name} yet: ${input.message}; trying again in ${humanDuration(delayMs)}`,
        {
          delayMs,
          attempt: spawnRetries,
          cause: input.message,
        },
      ),
      { type: 'timer', instance: instance.name, generation: instance.generation, timer: 'spawn-again', delayMs },
    );
  }
  // It will not be found, executable or well-placed by trying again.
  return after(turn({ ...instance, errors: instance.errors + 1 }, off), (i) => fail(i, input.message, context));
}

/** Its probe passed (or it said so itself, or nothing contradicts it): `verify` next, if there is any. */
export function passReadiness(
  instance: Instance & { state: In<'starting'> },
  context: Context,
  seen: HealthRecord | null,
): Turn {
  if (instance.state.stage === 'verifying') return ignore(instance);
  const passed = set({ ...instance, reason: null }, { ...instance.state, seen });
  if (context.organ.verify.length === 0) return becomeReady(passed, context);
  return turn(
    { ...set(passed, { ...passed.state, stage: 'verifying' }), reason: 'verifying' },
    { type: 'unwatch', instance: instance.name },
    { type: 'verify', instance: instance.name, generation: instance.generation },
  );
}

export function becomeReady(instance: Instance & { state: In<'starting'> }, context: Context): Turn {
  const { probe } = context.organ.health;
  const { life, seen } = instance.state;
  const durationMs = Math.round(context.at.mono - (instance.startBegan ?? context.at).mono);
  const ready: Instance = {
    ...set(instance, { tag: 'ready', life, assumed: probe.kind === 'none' }),
    reason: null,
    health: seen ?? declared(instance.health, 'Healthy', null),
    wasReady: true,
    spawnRetries: 0,
  };
  return turn(
    ready,
    { type: 'unwatch', instance: instance.name },
    { type: 'cancel', instance: instance.name, timer: 'start-timeout' },
    readyEvent(instance, context, durationMs),
    ...(seen ? [{ type: 'monitor', instance: instance.name, generation: instance.generation } as const] : []),
  );
}

function readyEvent(instance: Instance, { organ }: Context, durationMs: number): Effect {
  const { kind } = organ.health.probe;
  if (kind === 'none') {
    const message = `${instance.name} is assumed ready: it has no probe and has lived for ${ASSUME_READY_MS} ms`;
    return emit(instance, 'organ-assumed-ready', message, { durationMs });
  }
  return emit(instance, 'organ-ready', `${instance.name} is ready after ${humanDuration(durationMs)}`, {
    durationMs,
    how: kind,
  });
}
