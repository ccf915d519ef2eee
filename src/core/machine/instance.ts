import { observe, stale, UNKNOWN } from '../health.ts';
import { within } from './describe.ts';
import { endLife, onExited, onGone, toBeHealed } from './ending.ts';
import type { InstanceInput } from './inputs.ts';
import { becomeReady, onSpawned, onSpawnFailed, passReadiness } from './starting.ts';
import type { AfterStop, In, Instance, State, Tag } from './state.ts';
import { after, type Context, exitedEvent, exitOf, ignore, killTree, set, type Turn, turn, wait } from './turn.ts';

/** What each input means in each state. */

type Handler<T extends Tag, I extends InstanceInput['type']> = (
  instance: Instance & { readonly state: In<T> },
  input: Extract<InstanceInput, { type: I }>,
  context: Context,
) => Turn;

/** Every state answers every input: a cell that is missing fails the type check. */
type Table = { readonly [T in Tag]: { readonly [I in InstanceInput['type']]: Handler<T, I> } };

const AT_REST = {
  spawned: ignore,
  spawnFailed: ignore,
  signalledReady: ignore,
  probed: ignore,
  unheard: ignore,
  verified: ignore,
  exited: ignore,
  gone: ignore,
  elapsed: ignore,
  exceeded: ignore,
  strained: ignore,
};

const TABLE: Table = {
  stopped: AT_REST,
  waiting: AT_REST,
  completed: AT_REST,
  failed: AT_REST,
  backoff: {
    ...AT_REST,
    elapsed: (instance, input, context) =>
      input.timer === 'backoff' || input.timer === 'spawn-again' ? wait(instance, context) : ignore(instance),
  },
  spawning: {
    ...AT_REST,
    spawned: onSpawned,
    spawnFailed: onSpawnFailed,
    // The exit overtook the answer to the spawn: it had lived, if shortly.
    exited: (instance, input, context) => {
      const life = { generation: input.generation, pid: input.exit.pid, since: instance.state.since };
      const spawned: Instance & { state: In<'starting'> } = {
        ...instance,
        state: { tag: 'starting', life, stage: 'probing', seen: null },
      };
      return onExited(spawned, input, context, instance.state.stop ?? undefined);
    },
    elapsed: (instance, input) =>
      input.timer === 'start-timeout'
        ? ignore(
            set(instance, {
              ...instance.state,
              stop: instance.state.stop ?? toBeHealed('the keeper did not answer in time'),
            }),
          )
        : ignore(instance),
  },
  starting: {
    ...AT_REST,
    exceeded: (instance, input, context) => endLife(instance, toBeHealed(input.message), context),
    signalledReady: (instance, _input, context) => passReadiness(instance, context, null),
    probed: (instance, input, context) => {
      if (instance.state.stage !== 'probing') return ignore(instance);
      const { observation } = input;
      if (observation.verdict === 'pass' && observation.bodyStatus !== 'critical') {
        return passReadiness(instance, context, observe(UNKNOWN, observation, context.organ.health, context.at.wall));
      }
      const why = observation.bodyReason ?? observation.reason ?? 'its body says critical';
      return ignore({ ...instance, reason: `not ready yet: ${why}` });
    },
    verified: (instance, input, context) =>
      input.passed ? becomeReady(instance, context) : endLife(instance, toBeHealed(input.message), context),
    exited: (instance, input, context) => onExited(instance, input, context),
    elapsed: (instance, input, context) => {
      switch (input.timer) {
        case 'assume-ready':
          return passReadiness(instance, context, null);
        case 'start-timeout': {
          const limit = within(context.organ.health.startTimeoutMs);
          const detail = instance.reason?.replace(/^not ready yet: /, '');
          return endLife(instance, toBeHealed(`not ready ${limit}${detail ? `: ${detail}` : ''}`), context);
        }
        case 'backoff':
        case 'spawn-again':
          return ignore(instance);
      }
    },
  },
  ready: {
    ...AT_REST,
    exceeded: (instance, input, context) => endLife(instance, toBeHealed(input.message), context),
    strained: (instance, input) => ignore({ ...instance, strain: input.reason }),
    probed: onProbedReady,
    unheard: (instance, { forMs }) => ignore({ ...instance, health: stale(instance.health, forMs) }),
    exited: (instance, input, context) => onExited(instance, input, context),
  },
  stopping: {
    ...AT_REST,
    exited: (instance, input, context) =>
      turn(
        { ...set(instance, { ...instance.state, exited: true }), lastExit: exitOf(input.exit) },
        exitedEvent(instance, input.exit, context),
      ),
    gone: onGone,
  },
  stuck: {
    ...AT_REST,
    // It could be killed after all, or let go by itself: clear up and see.
    exited: (instance, input, context) => {
      const after: AfterStop = instance.desired === 'up' ? { next: 'again' } : { next: 'stopped' };
      const state: State = { tag: 'stopping', life: instance.state.life, since: context.at, after, exited: true };
      return turn(
        { ...set(instance, state), lastExit: exitOf(input.exit) },
        exitedEvent(instance, input.exit, context),
        killTree(instance.name, instance.state.life),
      );
    },
  },
};

/** One instance, one input, at one moment. An input about a life that is not the present one is dropped. */
export function stepInstance(instance: Instance, input: InstanceInput, context: Context): Turn {
  if (input.generation !== instance.generation) return ignore(instance);
  const handler = TABLE[instance.state.tag][input.type] as (i: Instance, x: InstanceInput, c: Context) => Turn;
  return handler(instance, input, context);
}

function onProbedReady(
  instance: Instance & { state: In<'ready'> },
  input: Extract<InstanceInput, { type: 'probed' }>,
  context: Context,
): Turn {
  const health = observe(instance.health, input.observation, context.organ.health, context.at.wall);
  const errors = instance.errors + (input.observation.verdict === 'fail' ? 1 : 0);
  const seen: Instance & { state: In<'ready'> } = { ...instance, health, errors };
  const told = turn(seen);
  const turnedCritical = health.level === 'Critical' && instance.health.level !== 'Critical';
  if (!turnedCritical || !context.organ.health.restart) return told;
  return after(told, () =>
    endLife(
      seen,
      { next: 'policy', success: false, cause: `its health is Critical: ${health.reason ?? 'no reason given'}` },
      context,
    ),
  );
}
