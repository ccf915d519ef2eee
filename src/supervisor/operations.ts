import type { ActResult, ControlMethods, Survivor, UpRequest, UpResult } from '../adapters/control/protocol.ts';
import type { Latch } from '../adapters/latch.ts';
import type { Store } from '../adapters/sqlite/store.ts';
import type { SystemConfig } from '../core/config/model.ts';
import { didYouMean } from '../core/config/suggest.ts';
import { fail } from '../core/failures.ts';
import { waitingReason } from '../core/machine/boot.ts';
import { publicState } from '../core/machine/describe.ts';
import { isHopeless } from '../core/machine/relations.ts';
import { type Instance, instanceNames, isAlive, type SystemState } from '../core/machine/state.ts';
import type { History } from './history.ts';
import type { Supervisor } from './supervisor.ts';

/** What commands may ask of a running supervisor: the verbs behind `up`, `down`, `start`, `stop`, `restart`. */

export interface Operations {
  up(request: UpRequest): Promise<UpResult>;
  down(request: ControlMethods['down']['params']): Promise<ControlMethods['down']['result']>;
  act(request: ControlMethods['act']['params']): Promise<ActResult>;
  emergency(request: ControlMethods['emergency']['params']): Promise<ControlMethods['emergency']['result']>;
}

export interface OperationsMeans {
  /** The running system; null before the first `up`. */
  readonly running: () => Supervisor | null;
  /** Makes the system of a configuration, not booted yet. */
  readonly create: (config: SystemConfig) => Promise<Supervisor>;
  readonly history: History;
  readonly store: Store;
  /** Resolves when the books are closed and nothing but this process is left. */
  readonly halted: Promise<void>;
  readonly latch: () => Latch | null;
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
      const { config, boot } = supervisor.state;
      if (!booted && (boot.phase === 'stopping' || boot.phase === 'stopped')) await endOf(supervisor);
      const named = request.organs ?? [];
      for (const organ of named) mustKnow(supervisor.state, organ);
      for (const organ of request.fresh ? store.desired().keys() : named) store.setDesired(organ, null);
      const heldDown = [...store.desired()]
        .filter(([organ, desired]) => desired === 'down' && config.organs[organ] && !named.includes(organ))
        .map(([organ]) => organ);
      const since = history.lastId;
      const before = supervisor.state;
      supervisor.dispatch({ type: 'up', config, organs: request.organs, noDeps: request.noDeps, heldDown });
      return {
        bootId: boot.bootId,
        booted,
        starting: [...supervisor.state.instances.values()]
          .filter((instance) => isPending(instance) && (booted || !isPending(before.instances.get(instance.name)!)))
          .map((instance) => instance.name),
        heldDown,
        changed: booted ? [] : changedOrgans(config, request.config),
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

    async act({ verb, organs, timeoutMs }) {
      const supervisor = mustRun();
      const before = supervisor.state;
      if (before.boot.phase === 'stopping') fail('owned-by-another', `${before.config.name} is stopping`, 'azora up');
      const names = organs.flatMap((organ) => mustKnow(before, organ));
      for (const organ of organs) {
        // Of one replica among several nothing is kept: the next boot starts all of them.
        if (before.config.organs[organ]) store.setDesired(organ, verb === 'stop' ? 'down' : null);
      }
      supervisor.dispatch({ type: 'act', verb, instances: names });
      const there = (state: SystemState): boolean =>
        names.every((name) => hasGotThere(state, state.instances.get(name)!, verb, before.instances.get(name)!));
      if (!(await supervisor.until(there, timeoutMs))) {
        const late = names.filter(
          (name) =>
            !hasGotThere(supervisor.state, supervisor.state.instances.get(name)!, verb, before.instances.get(name)!),
        );
        fail(
          'timed-out',
          `${verb}: ${late.map((name) => describe(supervisor.state, name)).join('; ')}`,
          `azora status ${late.join(' ')}`,
        );
      }
      const { state } = supervisor;
      return {
        instances: names.map((name) => {
          const instance = state.instances.get(name)!;
          return {
            instance: name,
            state: publicState(instance.state.tag),
            reason: waitingReason(state, instance) ?? instance.reason,
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

/** Nothing runs, or nothing but what could not be killed. */
function isDown(state: SystemState): boolean {
  if (state.boot.phase === 'stopped' || state.boot.phase === 'halted') return true;
  return [...state.instances.values()].every((instance) => !isAlive(instance) || instance.state.tag === 'stuck');
}

function hasGotThere(
  state: SystemState,
  instance: Instance,
  verb: 'start' | 'stop' | 'restart',
  before: Instance,
): boolean {
  const { tag } = instance.state;
  if (instance.stopWanted) return false;
  switch (verb) {
    case 'stop':
      return !isAlive(instance) || tag === 'stuck';
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

function survivorsIn(state: SystemState, of: (instance: Instance) => boolean): Survivor[] {
  return [...state.instances.values()].flatMap((instance) =>
    instance.state.tag === 'stuck' && of(instance)
      ? [{ instance: instance.name, processes: instance.state.processes }]
      : [],
  );
}

/** Organs of which the file says something else than what runs. */
function changedOrgans(running: SystemConfig, wanted: SystemConfig): string[] {
  if (running.configHash === wanted.configHash) return [];
  const names = new Set([...Object.keys(running.organs), ...Object.keys(wanted.organs)]);
  return [...names].filter(
    (name) => JSON.stringify(withoutPlace(running, name)) !== JSON.stringify(withoutPlace(wanted, name)),
  );
}

/** The environment of the terminal that `up` was typed in is not a change of the file. */
function withoutPlace(config: SystemConfig, name: string): unknown {
  const organ = config.organs[name];
  return organ && { ...organ, source: null, env: null };
}

function describe(state: SystemState, name: string): string {
  const instance = state.instances.get(name)!;
  const reason = waitingReason(state, instance) ?? instance.reason;
  return `${name} is ${publicState(instance.state.tag)}${reason ? ` (${reason})` : ''}`;
}
