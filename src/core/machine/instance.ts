import type { OrganConfig } from '../config/model.ts';
import type { EventType } from '../events.ts';
import { declared, type HealthRecord, observe, UNKNOWN } from '../health.ts';
import type { JsonObject } from '../json.ts';
import { decideRestart, NO_RESTARTS } from '../restart.ts';
import { humanDuration, type Instant, timestamp } from '../time.ts';
import { describeExit, within } from './describe.ts';
import type { Effect } from './effects.ts';
import type { ExitSeen, InstanceInput } from './inputs.ts';
import type { AfterStop, In, Instance, Life, State, Tag } from './state.ts';

/** Alive this long without a probe to pass: ready, and said to be assumed (SPEC 3). */
export const ASSUME_READY_MS = 200;
/** While the machine has no room for one more process, outside the organ's own restart limit. */
const SPAWN_AGAIN_MS = { first: 100, most: 5000 };
/** This many restarts in a row without one long run are a crash loop. */
const CRASH_LOOP = 3;

/** What a transition may know besides the instance itself. */
export interface Context {
  readonly organ: OrganConfig;
  readonly at: Instant;
  readonly random: number;
  /** Organs that wait for this one, directly or not. */
  readonly blocks: () => readonly string[];
}

/** What a transition comes to. */
export interface Turn {
  readonly instance: Instance;
  readonly effects: readonly Effect[];
}

type Handler<T extends Tag, I extends InstanceInput['type']> = (
  instance: Instance & { readonly state: In<T> },
  input: Extract<InstanceInput, { type: I }>,
  context: Context,
) => Turn;

/** Every state answers every input: a cell that is missing fails the type check. */
type Table = { readonly [T in Tag]: { readonly [I in InstanceInput['type']]: Handler<T, I> } };

/** Nothing to do: it concerns a state that has been left, and says so by its place in the table. */
const ignore = (instance: Instance): Turn => ({ instance, effects: [] });

const AT_REST = {
  spawned: ignore,
  spawnFailed: ignore,
  signalledReady: ignore,
  probed: ignore,
  verified: ignore,
  exited: ignore,
  gone: ignore,
  elapsed: ignore,
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
              stop: instance.state.stop ?? failedStart('the keeper did not answer in time'),
            }),
          )
        : ignore(instance),
  },
  starting: {
    ...AT_REST,
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
      input.passed ? becomeReady(instance, context) : endLife(instance, failedStart(input.message), context),
    exited: (instance, input, context) => onExited(instance, input, context),
    elapsed: (instance, input, context) => {
      switch (input.timer) {
        case 'assume-ready':
          return passReadiness(instance, context, null);
        case 'start-timeout': {
          const limit = within(context.organ.health.startTimeoutMs);
          const detail = instance.reason?.replace(/^not ready yet: /, '');
          return endLife(instance, failedStart(`not ready ${limit}${detail ? `: ${detail}` : ''}`), context);
        }
        case 'backoff':
        case 'spawn-again':
          return ignore(instance);
      }
    },
  },
  ready: {
    ...AT_REST,
    probed: onProbedReady,
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

// ---------------------------------------------------------------------------------------------- beginnings

/** Its conditions hold: spawn it. */
export function begin(instance: Instance, context: Context): Turn {
  const generation = instance.generation + 1;
  const attempt = instance.history.step + 1;
  return turn(
    {
      ...set(instance, { tag: 'spawning', generation, since: context.at, stop: null }),
      generation,
      startBegan: context.at,
      reason: null,
      stopWanted: null,
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

/** Wanted, as soon as its conditions hold (the release looks at them next). */
function wait(instance: Instance, context: Context): Turn {
  return ignore({ ...set(instance, { tag: 'waiting', since: context.at }) });
}

/** Someone wants it up. What runs is left alone; what had failed or completed starts over with a clean slate. */
export function start(instance: Instance, context: Context): Turn {
  const wanted: Instance = { ...instance, desired: 'up', stopWanted: null };
  switch (instance.state.tag) {
    case 'stopped':
    case 'completed':
    case 'failed':
    case 'backoff':
      return turn(
        { ...wait(wanted, context).instance, history: NO_RESTARTS, reason: null, health: UNKNOWN },
        { type: 'cancel', instance: instance.name, timer: 'backoff' },
      );
    case 'stopping':
      return ignore(
        instance.state.after.next === 'stopped' ? set(wanted, { ...instance.state, after: { next: 'again' } }) : wanted,
      );
    case 'spawning':
      return ignore(set(wanted, { ...instance.state, stop: instance.state.stop ? { next: 'again' } : null }));
    case 'stuck':
      return retryStuck(wanted, instance.state, { next: 'again' }, context);
    case 'waiting':
    case 'starting':
    case 'ready':
      return ignore(wanted);
  }
}

function onSpawned(
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

function onSpawnFailed(
  instance: Instance & { state: In<'spawning'> },
  input: Extract<InstanceInput, { type: 'spawnFailed' }>,
  context: Context,
): Turn {
  const off: Effect = { type: 'cancel', instance: instance.name, timer: 'start-timeout' };
  if (instance.state.stop?.next === 'stopped') {
    return after(turn(instance, off), (i) => settleStopped(i));
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
function passReadiness(
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

function becomeReady(instance: Instance & { state: In<'starting'> }, context: Context): Turn {
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
    ...healthChange(instance, ready),
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

// ---------------------------------------------------------------------------------------------- health

function onProbedReady(
  instance: Instance & { state: In<'ready'> },
  input: Extract<InstanceInput, { type: 'probed' }>,
  context: Context,
): Turn {
  const health = observe(instance.health, input.observation, context.organ.health, context.at.wall);
  const errors = instance.errors + (input.observation.verdict === 'fail' ? 1 : 0);
  const seen: Instance & { state: In<'ready'> } = { ...instance, health, errors };
  const told = turn(seen, ...healthChange(instance, seen));
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

function healthChange(before: Instance, now: Instance): Effect[] {
  const from = before.health.level;
  const to = now.health.level;
  if (from === to) return [];
  const why = now.health.reason ? `: ${now.health.reason}` : '';
  return [
    emit(now, 'health-changed', `${now.name} is ${to}, was ${from}${why}`, { from, to, reason: now.health.reason }),
  ];
}

// ---------------------------------------------------------------------------------------------- endings

const failedStart = (cause: string): AfterStop => ({ next: 'policy', success: false, cause });

/** Ends a running life: the organ's own way first, then by force. `after` says what then. */
export function endLife(instance: Instance, next: AfterStop, context: Context): Turn {
  const { state } = instance;
  if (state.tag !== 'starting' && state.tag !== 'ready') return ignore(instance);
  const why = next.next === 'policy' ? next.cause : next.next === 'again' ? 'restart' : 'stop';
  return turn(
    {
      ...set(instance, { tag: 'stopping', life: state.life, since: context.at, after: next, exited: false }),
      reason: next.next === 'policy' ? next.cause : instance.reason,
      errors: instance.errors + (next.next === 'policy' ? 1 : 0),
      stopWanted: null,
    },
    ...quiet(instance),
    emit(instance, 'organ-stopping', `${instance.name} is stopping (${why})`, { cause: why }),
    { type: 'stopTree', instance: instance.name, generation: state.life.generation },
  );
}

/** Someone wants it down. What runs is ended by `endLife` once the release says that its turn has come. */
export function stop(instance: Instance, reason: string, next: AfterStop, context: Context): Turn {
  const desired = next.next === 'again' ? 'up' : 'down';
  const unwanted: Instance = { ...instance, desired };
  switch (instance.state.tag) {
    case 'stopped':
      return next.next === 'again' ? start(instance, context) : ignore({ ...unwanted, reason });
    case 'waiting':
    case 'backoff':
    case 'completed':
    case 'failed': {
      if (next.next === 'again') return start(instance, context);
      const wasPending = instance.state.tag === 'waiting' || instance.state.tag === 'backoff';
      return turn(
        { ...set(unwanted, { tag: 'stopped' }), reason, health: UNKNOWN },
        { type: 'cancel', instance: instance.name, timer: 'backoff' },
        ...(wasPending ? [emit(instance, 'organ-stopped', `${instance.name} is stopped (${reason})`, { reason })] : []),
      );
    }
    case 'spawning':
      return ignore(set({ ...unwanted, reason }, { ...instance.state, stop: next }));
    case 'starting':
    case 'ready':
      return ignore({ ...unwanted, reason, stopWanted: next });
    case 'stopping':
      return ignore(set({ ...unwanted, reason }, { ...instance.state, after: next }));
    case 'stuck':
      return retryStuck({ ...unwanted, reason }, instance.state, next, context);
  }
}

/** No more patience: SIGKILL to whatever of it runs. */
export function force(instance: Instance, reason: string, context: Context): Turn {
  const { state } = instance;
  switch (state.tag) {
    case 'starting':
    case 'ready':
    case 'stopping':
    case 'stuck':
      return turn(
        {
          ...set(instance, {
            tag: 'stopping',
            life: state.life,
            since: context.at,
            after: { next: 'stopped' },
            exited: state.tag === 'stopping' && state.exited,
          }),
          desired: 'down',
          reason,
          stopWanted: null,
        },
        ...quiet(instance),
        killTree(instance.name, state.life),
      );
    case 'spawning':
    case 'stopped':
    case 'waiting':
    case 'backoff':
    case 'completed':
    case 'failed':
      return stop(instance, reason, { next: 'stopped' }, context);
  }
}

function retryStuck(instance: Instance, state: In<'stuck'>, next: AfterStop, context: Context): Turn {
  return turn(
    set(instance, { tag: 'stopping', life: state.life, since: context.at, after: next, exited: false }),
    killTree(instance.name, state.life),
  );
}

function onExited(
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

function onGone(
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
      return heal(instance, next, context);
  }
}

/** It ended of itself or had to be ended: ask the policy. */
function heal(
  instance: Instance & { state: In<'stopping'> },
  ending: Extract<AfterStop, { next: 'policy' }>,
  context: Context,
): Turn {
  const uptimeMs = context.at.mono - instance.state.life.since.mono;
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
      ...healthChange(instance, healing),
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
      ...healthChange(instance, completed),
    );
  }
  const { limit, windowMs } = context.organ.restart;
  const suffix = decision.why === 'limit' ? `; the limit of ${limit} restarts ${within(windowMs)} is reached` : '';
  return fail(instance, `${ending.cause}${suffix}`, context);
}

function fail(instance: Instance, cause: string, context: Context): Turn {
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
    ...healthChange(instance, failed),
  );
}

function settleStopped(instance: Instance): Turn {
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
    ...healthChange(instance, stuck),
  );
}

// ---------------------------------------------------------------------------------------------- small words

/** Stops whatever watches the present life. */
const quiet = (instance: Instance): Effect[] => [
  { type: 'unwatch', instance: instance.name },
  { type: 'cancel', instance: instance.name, timer: 'start-timeout' },
  { type: 'cancel', instance: instance.name, timer: 'assume-ready' },
];

const killTree = (instance: string, life: Life): Effect => ({
  type: 'killTree',
  instance,
  generation: life.generation,
});

const exitOf = (exit: ExitSeen) => ({ code: exit.code, signal: exit.signal, at: timestamp(exit.at) });

function exitedEvent(
  instance: Instance & { state: In<'starting' | 'ready' | 'stopping' | 'stuck'> },
  exit: ExitSeen,
  context: Context,
): Effect {
  const uptimeMs = Math.max(0, Math.round(context.at.mono - instance.state.life.since.mono));
  return emit(instance, 'organ-exited', `${instance.name} (pid ${exit.pid}) ${describeExit(exit)}`, {
    code: exit.code,
    signal: exit.signal,
    pid: exit.pid,
    ours: exit.ours,
    oomKilled: exit.oomKilled,
    uptimeMs,
  });
}

function set<S extends State>(instance: Instance, state: S): Instance & { readonly state: S } {
  return { ...instance, state };
}

function turn(instance: Instance, ...effects: readonly Effect[]): Turn {
  return { instance, effects };
}

/** One turn, then another on what it left. */
function after(first: Turn, next: (instance: Instance) => Turn): Turn {
  const second = next(first.instance);
  return { instance: second.instance, effects: [...first.effects, ...second.effects] };
}

function emit(instance: Pick<Instance, 'organ' | 'name'>, type: EventType, message: string, data: JsonObject): Effect {
  return { type: 'emit', event: { type, organ: instance.organ, instance: instance.name, message, data } };
}
