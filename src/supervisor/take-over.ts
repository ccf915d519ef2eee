import { renameSync } from 'node:fs';
import { now } from '../adapters/clock.ts';
import { failpoint } from '../adapters/failpoint.ts';
import { readLatch } from '../adapters/latch.ts';
import { removeSecrets } from '../adapters/secrets-file.ts';
import type { Store } from '../adapters/sqlite/store.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { SystemConfig } from '../core/config/model.ts';
import { publicState } from '../core/machine/describe.ts';
import { idle } from '../core/machine/new-system.ts';
import { type Facts, type KnownLife, recover, unremembered } from '../core/machine/recover.ts';
import { type Instance, lifeOf, type SystemState } from '../core/machine/state.ts';
import { securityAfter } from '../core/security.ts';
import { systemStatus } from '../core/status-view.ts';
import { timestamp } from '../core/time.ts';
import type { Life } from '../keeper/protocol.ts';
import type { Books } from './books.ts';
import { type BootDocument, readBootDocument, removeBootDocument, restoreBoot } from './boot-document.ts';
import type { Effects } from './effects.ts';
import type { Endpoints } from './endpoints.ts';
import type { History } from './history.ts';
import type { KeeperBond } from './keeper-bond.ts';
import { ignoreLostKeeper } from './keeper-link.ts';
import type { LimitsKept } from './limits.ts';
import type { Lives } from './lives.ts';
import { recallBoot, recallInstance } from './record.ts';
import type { SecurityMonitor } from './security/monitor.ts';
import type { Supervisor } from './supervisor.ts';
import type { Tokens } from './tokens.ts';

/** Going on from where another supervisor ended, or another keeper. */

export interface TakeOverMeans {
  readonly folder: StateFolder;
  readonly version: string;
  readonly store: Store;
  readonly books: Books;
  readonly history: History;
  readonly tokens: Tokens;
  readonly limits: LimitsKept;
  readonly endpoints: Endpoints;
  readonly keeper: KeeperBond;
  readonly lives: Lives;
  readonly effects: Effects;
  readonly security: SecurityMonitor;
  /** Ports and the registry, where they were before if that is possible. */
  readonly prepare: (config: SystemConfig, remembered: BootDocument) => Promise<void>;
  /** Makes this the state of the one supervisor. */
  readonly adopt: (state: SystemState) => Supervisor;
  /** Says how the database was found. */
  readonly sayHowTheRecordIs: () => void;
}

export class TakeOver {
  readonly #means: TakeOverMeans;

  constructor(means: TakeOverMeans) {
    this.#means = means;
  }

  /** Takes over what runs; a boot that the machine did not survive is closed. */
  async begin(machineBootId: string): Promise<void> {
    const document = this.#readDocument();
    if (document?.machineBootId === machineBootId) await this.#resume(document);
    else if (document) this.#bury(document);
  }

  /** Brings what is known here together with what the keeper knows. */
  async reconcile(supervisor: Supervisor, lost: Facts['lost']): Promise<void> {
    const { folder, store, books, tokens, limits, keeper, lives: living, effects: doing, security } = this.#means;
    const lives = await keeper.lives();
    for (const { exit } of lives) if (exit) books.recordExit(exit);
    for (const life of lives) if (!life.exit) limits.learn(life, life.limits, supervisor.state.config.organs);
    const held = [...store.desired()].flatMap(([organ, desired]) => (desired === 'down' ? [organ] : []));
    const facts = { lives: latestLives(lives), heldDown: new Set(held), lost };
    const remembered = supervisor.state.instances;
    const { state, effects, inputs, adopted } = recover(supervisor.state, facts, now());
    for (const life of lives) {
      if (life.exit === null) tokens.issue(life, life.generation);
      const present = state.instances.get(life.instance);
      if (life.exit && (!present || lifeOf(present)?.generation !== life.generation)) books.letForget([life]);
    }
    supervisor.replace(state);
    keeper.open();
    if (lost === 'supervisor' && state.boot.phase === 'ready') security.start();
    for (const instance of state.instances.values()) {
      if (adopted.includes(instance)) supervisor.say(adoptedEvent(instance));
      else if (remembered.get(instance.name) !== instance) supervisor.say(lostEvent(instance));
    }
    for (const effect of effects) doing.perform(effect, state);
    // Of an organ that a reload has taken out of the file, just before its supervisor died.
    const strays = lives.filter(({ exit, instance }) => exit === null && !state.instances.has(instance));
    for (const life of strays) void living.kill(life).then(() => books.letForget([life]), ignoreLostKeeper);
    // An emergency whose latch was set and nothing else; and an empty `act`, for the core to look at what may start or end now.
    const latch = readLatch(folder);
    if (latch && lost === 'supervisor') {
      supervisor.dispatch({ type: 'emergency', reason: latch.reason, organ: latch.organ });
    }
    supervisor.dispatch(...inputs, { type: 'act', verb: 'start', instances: [] });
    failpoint('supervisor:reconciled');
  }

  async #resume(document: BootDocument): Promise<void> {
    const { version, store, books, history, tokens, limits, endpoints, prepare, adopt } = this.#means;
    const { config } = document;
    const boot = recallBoot(store, document) ?? restoreBoot(document.boot);
    books.redact(config);
    books.resume(config, boot);
    tokens.secret = document.secret;
    history.restore(store.events().filter((event) => event.bootId === boot.bootId));
    limits.recall(history.after(0).map(({ message }) => message));
    endpoints.restore(config, document.ports);
    await prepare(config, document);
    const blank = { ...idle(config, boot), boot, security: securityAfter(history.after(0)) };
    const instances = new Map(
      [...blank.instances].map(([name, instance]) => [
        name,
        recallInstance(store, boot.bootId, name) ?? unremembered(blank, instance, now()),
      ]),
    );
    const supervisor = adopt({ ...blank, instances });
    supervisor.say({
      type: 'supervisor-started',
      organ: null,
      instance: null,
      message: `a new supervisor (pid ${process.pid}, azora ${version}) takes over ${config.name}`,
      data: {
        pid: process.pid,
        version,
        phase: boot.phase,
        status: systemStatus(supervisor.state),
        instances: Object.fromEntries([...instances].map(([name, instance]) => [name, shownOf(instance)])),
      },
    });
    this.#means.sayHowTheRecordIs();
    failpoint('supervisor:recalled');
    await this.reconcile(supervisor, 'supervisor');
  }

  /** The boot document; one that nobody can read is put aside, since it would keep every next supervisor from starting. */
  #readDocument(): BootDocument | null {
    const path = this.#means.folder.bootDocument;
    try {
      return readBootDocument(path);
    } catch (error) {
      console.error(`${timestamp(now().wall)} put aside as ${path}.unreadable:`, error);
      renameSync(path, `${path}.unreadable`);
      return null;
    }
  }

  /** The machine went down while it ran: none of its pids means anything any more. */
  #bury({ boot, config }: BootDocument): void {
    const { history, store, folder } = this.#means;
    const { wall } = now();
    const message = `the machine went down while ${config.name} ran; nothing of that boot is left`;
    history.add({ type: 'warning', organ: null, instance: null, message, data: {} }, boot.bootId, wall);
    store.endBoot(boot.bootId, timestamp(wall), 'machine went down');
    removeBootDocument(folder.bootDocument);
    removeSecrets(folder.secrets);
  }
}

function latestLives(lives: readonly Life[]): Map<string, KnownLife> {
  const latest = new Map<string, KnownLife>();
  for (const life of lives) {
    const before = latest.get(life.instance);
    if (!before || before.generation < life.generation) latest.set(life.instance, life);
  }
  return latest;
}

function adoptedEvent(instance: Instance) {
  const pid = lifeOf(instance)?.pid ?? null;
  return {
    type: 'organ-adopted' as const,
    organ: instance.organ,
    instance: instance.name,
    message: `${instance.name} runs on as pid ${pid}`,
    data: { pid, ...shownOf(instance) },
  };
}

/** It was not found again: it starts anew, or stays down. */
function lostEvent(instance: Instance) {
  const { organ, name, reason } = instance;
  const { state, health } = shownOf(instance);
  return {
    type: state === 'waiting' ? ('organ-waiting' as const) : ('organ-stopped' as const),
    organ,
    instance: name,
    message: `${name} is ${state}${reason ? ` (${reason})` : ''}`,
    data: { reason, health },
  };
}

const shownOf = ({ organ, state, verdict }: Instance) => ({
  organ,
  state: publicState(state.tag),
  health: verdict.level,
});
