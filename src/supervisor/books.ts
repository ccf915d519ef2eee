import { statSync } from 'node:fs';
import { now } from '../adapters/clock.ts';
import { failpoint } from '../adapters/failpoint.ts';
import { removeSecrets } from '../adapters/secrets-file.ts';
import type { OrganRow } from '../adapters/sqlite/rows.ts';
import type { Store } from '../adapters/sqlite/store.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { describeChanges, type OrganRecord, organChanges, recordOf } from '../core/config/changes.ts';
import type { SystemConfig } from '../core/config/model.ts';
import type { CheckOutcome } from '../core/machine/inputs.ts';
import type { Boot, SystemState } from '../core/machine/state.ts';
import type { Surroundings } from '../core/status-view.ts';
import { timestamp } from '../core/time.ts';
import type { ExitRecord, LifeKey } from '../keeper/protocol.ts';
import { removeBootDocument, saveBoot, writeBootDocument } from './boot-document.ts';
import type { Endpoints } from './endpoints.ts';
import type { KeeperBond } from './keeper-bond.ts';
import { Over } from './over.ts';
import { forgetInstances, recordChanges, rememberBoot, wereChecked } from './record.ts';
import type { Redaction } from './redaction.ts';
import type { RegistryHost } from './registry-host.ts';
import type { Supervisor } from './supervisor.ts';
import type { Tokens } from './tokens.ts';

/** What is written down while a system runs: for people who ask later, and for the next supervisor. */

/** By then most boots have started what can be started; to write 147 organs down takes as long as to start 30. */
const FIRST_RECORD_MS = 200;
const WRITE_AGAIN_MS = 1000;
/** The fact of which configuration the recorded organs are. */
const CONFIG_HASH = 'config-hash';
const MAINTAIN_EVERY_MS = 10 * 60_000;

export interface BooksMeans {
  readonly folder: StateFolder;
  readonly store: Store;
  readonly redaction: Redaction;
  readonly tokens: Tokens;
  readonly endpoints: Endpoints;
  readonly registry: RegistryHost;
  readonly keeper: KeeperBond;
  readonly running: () => Supervisor | null;
  readonly shownWith: () => Surroundings;
  readonly warn: (message: string) => void;
}

export class Books {
  readonly #means: BooksMeans;
  readonly #over = new Over((lives) => this.#forget(lives));
  /** What the boot document says is run. */
  #documented: SystemConfig | null = null;
  /** The state that the record knows; null before the first. */
  #recorded: SystemState | null = null;
  #isBehind = false;
  /** The state that the registry knows, when it is not the present one. */
  #untold: SystemState | null = null;
  #writing: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(means: BooksMeans) {
    this.#means = means;
  }

  /** A boot begins. It goes on record when its first organs have been asked for: what is written down is on its way to the disk for longer. */
  begin({ config }: SystemState): void {
    if (this.#means.store.recall(CONFIG_HASH) !== config.configHash) this.#sayWhatChanged(config);
    setImmediate(() => {
      const { state } = this.#means.running()!;
      this.#recordBoot(state.config, state.boot);
    });
  }

  /** Another supervisor has begun this one: its document was written, and perhaps nothing else. */
  resume(documented: SystemConfig, boot: Boot): void {
    this.#documented = documented;
    this.#recordBoot(documented, boot);
  }

  /** From now on, secrets are those of this configuration. */
  redact(config: SystemConfig): void {
    if (!this.#means.redaction.use(config, this.#means.folder.secrets)) this.#writeAgain();
  }

  onChanged(before: SystemState, after: SystemState): void {
    if (before.config !== after.config) {
      this.redact(after.config);
      this.#recordConfig(after.config);
    }
    this.#over.onChanged(before, after);
    if (this.#untold === null) setImmediate(() => this.settle());
    this.#untold ??= before;
    this.#recorded ??= before;
    this.#isBehind = true;
    this.#means.store.soon();
  }

  /** Tells the registry what has changed. Happens by itself once a turn of the loop, however much changes in it. */
  settle(): void {
    const before = this.#untold;
    if (before === null) return;
    this.#untold = null;
    const { registry, running } = this.#means;
    const { state } = running()!;
    registry.onChanged(before, state);
    if (wereChecked(before, state)) this.gather();
  }

  /**
   * Adds what has changed to the record, which asks for it before it writes: of what changes often meanwhile, the last. What checks
   * found is a history, of which nothing may be left out: that is added in its own turn.
   */
  gather(): void {
    if (!this.#isBehind) return;
    const { store, redaction, running, shownWith } = this.#means;
    const { state } = running()!;
    recordChanges(store, this.#recorded, state, shownWith(), redaction);
    this.#recorded = state;
    this.#isBehind = false;
  }

  /** Before anything is done about it: a next supervisor must know what this one has decided. */
  commit(state: SystemState): void {
    const { store } = this.#means;
    const isFirst = this.#documented === null;
    if (this.#documented !== state.config) this.#writeDocument(state);
    failpoint('supervisor:document-written');
    rememberBoot(store, state);
    // The first document says all that there is to say: the record may follow when the organs have been started.
    if (isFirst && this.#documented === state.config) store.rest(FIRST_RECORD_MS);
    else store.flush();
    failpoint('supervisor:boot-committed');
  }

  recordExit(exit: ExitRecord): void {
    const { instance, code, signal } = exit;
    this.#means.store.recordExits([{ instance, code, signal, at: timestamp(exit.at), cause: causeOf(exit) }]);
  }

  recordChecks(bootId: string, checks: readonly CheckOutcome[]): void {
    const at = timestamp(now().wall);
    for (const check of this.#means.redaction.value(checks)) this.#means.store.recordCheck({ ...check, bootId, at });
  }

  /** Lives that the keeper may forget once all of this is on record. */
  letForget(lives: readonly LifeKey[]): void {
    this.#over.add(lives);
  }

  /** Looks through the database, and deletes what is older or more than the file allows; a little at a time, from now on. */
  maintain(): void {
    const { running, store } = this.#means;
    const limits = running()?.state.config.retention;
    const more = store.examine() || (limits !== undefined && store.retain(limits));
    setTimeout(() => this.maintain(), limits && !more ? MAINTAIN_EVERY_MS : 1000).unref();
  }

  /** The boot has ended: nothing of it is left for a next supervisor. */
  end(state: SystemState | undefined, at: string): void {
    const { store, folder } = this.#means;
    this.gather(); // what is forgotten below must not come after
    if (state) {
      store.clearDesired();
      forgetInstances(store, state.instances.keys());
      store.endBoot(state.boot.bootId, at, state.boot.phase === 'halted' ? 'emergency' : 'down');
    }
    failpoint('supervisor:halt-recorded');
    removeBootDocument(folder.bootDocument);
    removeSecrets(folder.secrets);
    failpoint('supervisor:document-removed');
  }

  /** Nothing is written after this. */
  close(): void {
    this.#closed = true;
    this.#means.store.close();
  }

  /** Lives whose end is on record are of no more use to anybody. */
  #forget(lives: readonly LifeKey[]): boolean {
    const { keeper, store } = this.#means;
    if (!keeper.isOpen || !store.flush()) return false;
    keeper.channel.request('forget', { lives }).catch(() => this.#over.add(lives)); // said again to the next keeper
    failpoint('supervisor:forgotten');
    return true;
  }

  #writeDocument({ config, boot }: SystemState): void {
    const { folder, keeper, tokens, endpoints, registry, warn } = this.#means;
    try {
      writeBootDocument(folder.bootDocument, {
        config,
        boot: saveBoot(boot),
        machineBootId: keeper.info?.machineBootId ?? '',
        secret: tokens.secret,
        ports: endpoints.toRemember(),
        registryPort: registry.port,
      });
      this.#documented = config;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      warn(`${folder.bootDocument} cannot be written, so no other supervisor could take over: ${why}`);
      this.#writeAgain();
    }
  }

  /** What a full disk did not take: a next supervisor, and the commands, go by it. */
  #writeAgain(): void {
    this.#writing ??= setTimeout(() => {
      this.#writing = null;
      const state = this.#means.running()?.state;
      if (!state || this.#closed) return;
      if (this.#documented !== null && this.#documented !== state.config) this.#writeDocument(state);
      if (!this.#means.redaction.settle()) this.#writeAgain();
    }, WRITE_AGAIN_MS).unref();
  }

  #recordBoot(config: SystemConfig, boot: Boot): void {
    this.#means.store.recordBoot({
      bootId: boot.bootId,
      startedAt: timestamp(boot.startedAt.wall),
      configHash: config.configHash,
      file: config.file,
      name: config.name,
    });
    this.#recordConfig(config);
  }

  #recordConfig(config: SystemConfig): void {
    this.#means.store.saveOrgans(this.#rowsOf(config));
    this.#means.store.remember(CONFIG_HASH, config.configHash);
  }

  #rowsOf(config: SystemConfig): OrganRow[] {
    return Object.values(config.organs).map((organ) => ({
      organ: organ.name,
      category: organ.category,
      kind: organ.kind,
      critical: organ.critical,
      desired: 'up',
      config: this.#means.redaction.text(JSON.stringify(recordOf(organ))),
    }));
  }

  /** In what the organs differ from those of the boot before, as the database remembers them. */
  #sayWhatChanged(config: SystemConfig): void {
    const before = this.#means.store.organs();
    if (before.size === 0) return;
    const after = new Map(this.#rowsOf(config).map(({ organ, config: record }) => [organ, record]));
    const changed = organChanges(recordsOf(before, after), recordsOf(after, before));
    if (changed.length === 0) return;
    this.#means.running()?.say({
      type: 'config-reloaded',
      organ: null,
      instance: null,
      message: `${config.file} has changed since the last boot: ${describeChanges(changed)}`,
      data: {
        configHash: config.configHash,
        modifiedAt: modifiedAt(config.file),
        system: [],
        organs: changed.map(({ organ, action, why }) => ({ organ, action, why: [...why] })),
      },
    });
  }
}

/** Of those that are not letter for letter the same: mostly none, and to read them all takes as long as to start ten organs. */
function recordsOf(some: ReadonlyMap<string, string>, others: ReadonlyMap<string, string>): Map<string, OrganRecord> {
  const differ = [...some].filter(([organ, record]) => others.get(organ) !== record);
  return new Map(differ.map(([organ, record]) => [organ, JSON.parse(record) as OrganRecord]));
}

function causeOf({ ours, memoryLimit, oomKilled }: ExitRecord): string {
  if (ours) return 'asked by azora';
  if (memoryLimit !== undefined) return 'its memory limit';
  return oomKilled ? 'out of memory' : 'its own';
}

function modifiedAt(file: string): string | null {
  try {
    return timestamp(statSync(file).mtimeMs);
  } catch {
    return null; // gone, or out of reach
  }
}
