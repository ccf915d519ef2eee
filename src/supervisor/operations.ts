import type {
  ActResult,
  ControlMethods,
  OneOff,
  ReloadResult,
  Survivor,
  UpRequest,
  UpResult,
} from '../adapters/control/protocol.ts';
import { failpoint } from '../adapters/failpoint.ts';
import type { Latch } from '../adapters/latch.ts';
import type { Store } from '../adapters/sqlite/store.ts';
import { takenInstanceName } from '../core/config/instance-names.ts';
import type { SystemConfig } from '../core/config/model.ts';
import { didYouMean } from '../core/config/suggest.ts';
import { fail } from '../core/failures.ts';
import { waitingReason } from '../core/machine/boot.ts';
import { publicState } from '../core/machine/describe.ts';
import { isHopeless, withDependencies } from '../core/machine/relations.ts';
import { type Instance, instanceNames, isAlive, type SystemState } from '../core/machine/state.ts';
import { isEmptyPlan, type Plan, planOf } from '../core/plan.ts';
import type { History } from './history.ts';
import { oneOff, type Surroundings } from './launch.ts';
import type { Supervisor } from './supervisor.ts';
import { awaitGoal } from './waiting.ts';

/** More than any machine of today has work for; a slip of the finger is not obeyed. */
const MOST_REPLICAS = 1000;

/** What commands may ask of a running supervisor: the verbs behind `up`, `down`, `start`, `stop`, `restart`. */

export interface Operations {
  up(request: UpRequest): Promise<UpResult>;
  down(request: ControlMethods['down']['params']): Promise<ControlMethods['down']['result']>;
  act(request: ControlMethods['act']['params']): Promise<ActResult>;
  plan(request: ControlMethods['plan']['params']): Plan;
  reload(request: ControlMethods['reload']['params']): Promise<ReloadResult>;
  scale(request: ControlMethods['scale']['params']): Promise<ReloadResult>;
  emergency(request: ControlMethods['emergency']['params']): Promise<ControlMethods['emergency']['result']>;
  wait(request: ControlMethods['wait']['params']): Promise<ControlMethods['wait']['result']>;
  oneOff(request: ControlMethods['oneOff']['params']): OneOff;
}

type Verb = ControlMethods['act']['params']['verb'];

export interface OperationsMeans {
  /** The running system; null before the first `up`. */
  readonly running: () => Supervisor | null;
  /** Makes the system of a configuration, not booted yet. */
  readonly create: (config: SystemConfig) => Promise<Supervisor>;
  /** Gives the instances of another configuration what they need before they can start. */
  readonly prepare: (config: SystemConfig) => Promise<void>;
  readonly history: History;
  readonly store: Store;
  /** Resolves when the books are closed and nothing but this process is left. */
  readonly halted: Promise<void>;
  readonly latch: () => Latch | null;
  readonly surroundings: (system: SystemState) => Surroundings;
}

export function operations(means: OperationsMeans): Operations {
  const { store, history } = means;

  /** Two who ask at the same time boot one system. */
  let creating: Promise<Supervisor> | null = null;

  /** Waits for a system that is on its way down, and leaves the rest to the next supervisor. */
  const endOf = async (supervisor: Supervisor): Promise<never> => {
    await supervisor.until(isDown, null);
    const survivors = survivorsIn(supervisor.state, () => true);
    if (survivors.length > 0) {
      const names = survivors.map(({ instance }) => instance).join(', ');
      fail('stop-incomplete', `${supervisor.state.config.name} is not down: ${names} cannot be killed`, 'azora down');
    }
    await means.halted;
    return fail('unreachable', `${supervisor.state.config.name} is down, and its supervisor has ended`);
  };

  const mustRun = (): Supervisor => means.running() ?? fail('not-running', 'nothing is running', 'azora up');

  const heldDownIn = (config: SystemConfig): string[] =>
    [...store.desired()].flatMap(([organ, desired]) => (desired === 'down' && config.organs[organ] ? [organ] : []));

  const takeOnNow = async (supervisor: Supervisor, config: SystemConfig): Promise<ReloadResult> => {
    const before = supervisor.state;
    if (before.boot.phase === 'stopping' || before.boot.phase === 'emergency') {
      fail('owned-by-another', `${before.config.name} is stopping at the moment`, 'azora up');
    }
    const plan = planOf(before.config, config);
    assertOwnNames(before, config);
    await means.prepare(config);
    const since = history.lastId;
    supervisor.dispatch({ type: 'reload', config, heldDown: heldDownIn(config) });
    const starting = [...supervisor.state.instances.values()]
      .filter(
        (instance) =>
          instance !== before.instances.get(instance.name) &&
          (isAgain(instance) || (isPending(instance) && !isHopeless(supervisor.state, instance))),
      )
      .map((instance) => instance.name);
    return { plan, starting, since };
  };

  let changing: Promise<unknown> = Promise.resolve();
  /** One after the other, each from what the one before has made: of two that scale at once neither is lost. */
  const takeOn = (supervisor: Supervisor, change: (running: SystemConfig) => SystemConfig): Promise<ReloadResult> => {
    const result = changing.then(() => takeOnNow(supervisor, change(supervisor.state.config)));
    changing = result.catch(() => {}); // told to whoever asked
    return result;
  };

  return {
    async up(request) {
      let supervisor = means.running();
      const latch = means.latch();
      if (latch) {
        fail(
          'emergency',
          `nothing starts after the emergency shutdown of ${latch.at}: ${latch.reason}`,
          'Look at it, then: azora emergency --clear   or   azora up --clear-emergency',
        );
      }
      const booted = supervisor === null && creating === null;
      creating ??= supervisor ? null : means.create(request.config);
      supervisor ??= await creating!.finally(() => (creating = null));
      const { boot } = supervisor.state;
      if (!booted && (boot.phase === 'stopping' || boot.phase === 'stopped')) await endOf(supervisor);
      const since = history.lastId;
      const before = supervisor.state;
      // The whole of the file, or only the organs that were named: then the others stay as they run.
      const whole = request.organs === null;
      const plan = booted || !whole ? null : planOf(before.config, request.config);
      if (plan && !isEmptyPlan(plan)) await takeOn(supervisor, () => request.config);
      const { config } = supervisor.state;
      const named = request.organs ?? [];
      for (const organ of named) mustKnow(supervisor.state, organ);
      for (const organ of request.fresh ? store.desired().keys() : named) store.setDesired(organ, null);
      const heldDown = heldDownIn(config).filter((organ) => !named.includes(organ));
      supervisor.dispatch({ type: 'up', config, organs: request.organs, noDeps: request.noDeps, heldDown });
      return {
        bootId: boot.bootId,
        booted,
        starting: [...supervisor.state.instances.values()]
          .filter((instance) => {
            const was = before.instances.get(instance.name);
            // Whoever waits for what a user has stopped, or has failed, is not on the way.
            if (isHopeless(supervisor.state, instance)) return false;
            return (isPending(instance) && (booted || !was || !isPending(was))) || isAgain(instance);
          })
          .map((instance) => instance.name),
        heldDown,
        plan,
        changed: booted || whole ? [] : planOf(config, request.config).organs.map((row) => row.organ),
        since,
      };
    },

    async down({ timeoutMs, force }) {
      const supervisor = means.running() ?? (await creating?.catch(() => null));
      if (!supervisor) return { survivors: [] };
      const reason = force ? 'azora down --force' : 'azora down';
      supervisor.dispatch({ type: 'down', reason, timeoutMs });
      if (force) supervisor.dispatch({ type: 'force' });
      await supervisor.until(isDown, null);
      const survivors = survivorsIn(supervisor.state, () => true);
      if (survivors.length === 0) await means.halted;
      return { survivors };
    },

    async emergency({ reason }) {
      const supervisor = mustRun();
      supervisor.dispatch({ type: 'emergency', reason, organ: null });
      await supervisor.until(isDown, null);
      const survivors = survivorsIn(supervisor.state, () => true);
      if (survivors.length === 0) await means.halted;
      return { survivors, report: means.latch()?.report ?? null };
    },

    wait(request) {
      const supervisor = mustRun();
      const names = request.organs.flatMap((organ) => mustKnow(supervisor.state, organ));
      return awaitGoal(supervisor, names, request);
    },

    oneOff({ organ: name }) {
      const { state } = mustRun();
      mustKnow(state, name);
      const organ = state.config.organs[state.instances.get(name)?.organ ?? name]!;
      return oneOff(state.config, organ, means.surroundings(state));
    },

    plan: ({ config }) => planOf(mustRun().state.config, config),

    reload: ({ config }) => takeOn(mustRun(), () => config),

    scale({ organs }) {
      return takeOn(mustRun(), (config) => {
        for (const [name, replicas] of Object.entries(organs)) mustScale(config, name, replicas);
        const scaled = Object.entries(organs).map(([name, replicas]) => [name, { ...config.organs[name]!, replicas }]);
        return { ...config, organs: { ...config.organs, ...Object.fromEntries(scaled) } };
      });
    },

    async act({ verb, organs, timeoutMs }) {
      const supervisor = mustRun();
      const before = supervisor.state;
      if (before.boot.phase === 'stopping') fail('owned-by-another', `${before.config.name} is stopping`, 'azora up');
      const names = organs.flatMap((organ) => mustKnow(before, organ));
      // Of one replica among several nothing is kept: the next boot starts all of them.
      const whole = organs.filter((organ) => before.config.organs[organ]);
      if (verb === 'stop') for (const organ of whole) store.setDesired(organ, 'down');
      // What a start brings along is wanted too, also by the next supervisor.
      const wanted = verb === 'start' ? withDependencies(before.config, whole) : new Set(whole);
      if (verb !== 'stop') for (const organ of wanted) if (store.desired().has(organ)) store.setDesired(organ, null);
      failpoint('supervisor:desired-stored');
      supervisor.dispatch({ type: 'act', verb, instances: names, stopTimeoutMs: timeoutMs });
      await supervisor.until(
        (state) =>
          names.every((name) => {
            const instance = state.instances.get(name);
            return !instance || hasGotThere(state, instance, verb, before.instances.get(name)!);
          }),
        null,
      );
      const { state } = supervisor;
      return {
        instances: names.map((name) => {
          const instance = state.instances.get(name);
          if (!instance) return { instance: name, state: 'stopped', reason: 'it is declared no more' };
          return {
            instance: name,
            state: publicState(instance.state.tag),
            reason: isOverruled(instance, verb)
              ? 'another command has started it again'
              : (waitingReason(state, instance) ?? instance.reason),
          };
        }),
        survivors: survivorsIn(state, (instance) => names.includes(instance.name)),
      };
    },
  };
}

/** The instances of an organ, or the one instance, of that name. */
function mustKnow(state: SystemState, name: string): string[] {
  const organ = state.config.organs[name];
  if (organ) return instanceNames(organ);
  if (state.instances.has(name)) return [name];
  if (state.config.inactive.includes(name)) {
    return fail(
      'unknown-organ',
      `organ ${name} belongs to no active profile`,
      `azora up --profile …, see azora config`,
    );
  }
  const known = [...Object.keys(state.config.organs), ...state.instances.keys()];
  return fail(
    'unknown-organ',
    `unknown organ ${name}`,
    didYouMean(name, known) ?? `azora status shows the organs there are`,
  );
}

const isPending = ({ state }: Instance): boolean =>
  state.tag === 'waiting' || state.tag === 'spawning' || state.tag === 'starting';

const isAgain = ({ state, stopWanted }: Instance): boolean =>
  stopWanted?.next === 'again' || (state.tag === 'stopping' && state.after.next === 'again');

/** An instance that runs keeps its name: it cannot become one of another organ that is called so from now on. */
function assertOwnNames({ instances }: SystemState, config: SystemConfig): void {
  for (const organ of Object.values(config.organs)) {
    for (const name of instanceNames(organ)) {
      const running = instances.get(name);
      if (!running || running.organ === organ.name) continue;
      fail(
        'usage',
        `${name} is an instance of ${running.organ} at the moment, and would be one of ${organ.name}: nothing was changed`,
        `Take it out of the file, azora reload, put it in again as it is to be, azora reload. (Or: azora down, azora up)`,
      );
    }
  }
}

function mustScale(config: SystemConfig, name: string, replicas: number): void {
  const organ =
    config.organs[name] ??
    fail(
      'unknown-organ',
      `unknown organ ${name}`,
      didYouMean(name, Object.keys(config.organs)) ?? 'azora status shows them',
    );
  const fixed = organ.ports.find(({ port }) => port !== 'auto');
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > MOST_REPLICAS) {
    fail(
      'usage',
      `${name} cannot have ${replicas} instances: 1 to ${MOST_REPLICAS}`,
      `To have none: azora stop ${name}`,
    );
  }
  const taken = takenInstanceName(config.organs, name, replicas);
  if (taken !== null) {
    fail(
      'usage',
      `${name} cannot have ${replicas} instances: one of them would be called ${taken}, as another organ is`,
    );
  }
  if (fixed && replicas > 1) {
    fail(
      'usage',
      `${name} has the fixed port ${fixed.port}, which only one instance can have`,
      `ports: { ${fixed.name}: auto }`,
    );
  }
}

/** Nothing runs, or nothing but what could not be killed. */
function isDown(state: SystemState): boolean {
  if (state.boot.phase === 'stopped' || state.boot.phase === 'halted') return true;
  return state.instances.values().every((instance) => !isAlive(instance) || instance.state.tag === 'stuck');
}

function hasGotThere(state: SystemState, instance: Instance, verb: Verb, before: Instance): boolean {
  const { tag } = instance.state;
  if (instance.stopWanted) return false;
  switch (verb) {
    case 'stop':
      return !isAlive(instance) || tag === 'stuck' || isOverruled(instance, verb);
    case 'restart':
      if (tag === 'ready' || tag === 'completed') return instance.generation > before.generation;
      return tag === 'failed' || tag === 'stuck' || tag === 'stopped' || isHopeless(state, instance);
    case 'start':
      return (
        tag === 'ready' ||
        tag === 'completed' ||
        tag === 'failed' ||
        tag === 'stuck' ||
        tag === 'stopped' ||
        isHopeless(state, instance)
      );
  }
}

/** What was to be stopped is wanted up again, and will not stop for this. */
function isOverruled(instance: Instance, verb: Verb): boolean {
  return verb === 'stop' && instance.desired === 'up' && !instance.stopWanted && instance.state.tag !== 'stopping';
}

function survivorsIn(state: SystemState, of: (instance: Instance) => boolean): Survivor[] {
  return [...state.instances.values()].flatMap((instance) =>
    instance.state.tag === 'stuck' && of(instance)
      ? [{ instance: instance.name, processes: instance.state.processes }]
      : [],
  );
}
