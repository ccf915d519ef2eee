import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, statSync } from 'node:fs';
import { now } from '../adapters/clock.ts';
import type { CheckReport } from '../adapters/control/protocol.ts';
import { endNow } from '../adapters/end-now.ts';
import { failpoint } from '../adapters/failpoint.ts';
import { type Latch, readLatch, setLatch } from '../adapters/latch.ts';
import { removeSecrets } from '../adapters/secrets-file.ts';
import { openStore, type Store } from '../adapters/sqlite/store.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { describeChanges, organChanges } from '../core/config/changes.ts';
import type { SystemConfig } from '../core/config/model.ts';
import { type Endpoint, fillReferences } from '../core/config/references.ts';
import type { SystemEvent } from '../core/events.ts';
import { FailureError, fail } from '../core/failures.ts';
import { checksEvent } from '../core/machine/boot.ts';
import { publicState } from '../core/machine/describe.ts';
import type { CheckOutcome, SystemInput } from '../core/machine/inputs.ts';
import { idle } from '../core/machine/new-system.ts';
import { type Facts, type KnownLife, recover, unremembered } from '../core/machine/recover.ts';
import { type Instance, lifeOf, type SystemState } from '../core/machine/state.ts';
import { renderMetrics } from '../core/metrics.ts';
import { securityAfter } from '../core/security.ts';
import { type Surroundings as StatusSurroundings, statusDocument, systemStatus } from '../core/status-view.ts';
import { timestamp } from '../core/time.ts';
import {
  type ExitRecord,
  type KeeperInfo,
  type KeeperNotices,
  type Life,
  type LifeKey,
  type ProcessInfo,
  RETIRED,
} from '../keeper/protocol.ts';
import { Attendants } from './attendants.ts';
import {
  type BootDocument,
  readBootDocument,
  removeBootDocument,
  restoreBoot,
  saveBoot,
  writeBootDocument,
} from './boot-document.ts';
import { type ControlServer, serveControl } from './control.ts';
import { Effects } from './effects.ts';
import { Endpoints } from './endpoints.ts';
import { History } from './history.ts';
import { Hooks } from './hooks.ts';
import { KeeperBond } from './keeper-bond.ts';
import type { Surroundings } from './launch.ts';
import { LimitsKept } from './limits.ts';
import { Lives } from './lives.ts';
import { type Operations, operations } from './operations.ts';
import { hookPlace, runOrganHook } from './organ-hook.ts';
import { Over } from './over.ts';
import { forgetInstances, memoryOf, recallBoot, recallInstance, recordChanges, rememberBoot } from './record.ts';
import { Redaction } from './redaction.ts';
import { RegistryHost } from './registry-host.ts';
import type { RememberedPrints } from './security/fingerprints.ts';
import { SecurityMonitor } from './security/monitor.ts';
import { SelfHealth } from './self-health.ts';
import { runStopCommand } from './stop-command.ts';
import { Supervisor } from './supervisor.ts';
import { Tokens } from './tokens.ts';
import { Usage } from './usage.ts';
import { Watcher } from './watcher.ts';

/** Whoever starts a supervisor connects at once. */
const UNUSED_MS = 5000;
/** A minute's worth; what goes beyond is the same trouble again. */
const MOST_WARNINGS = 60;
const WRITE_AGAIN_MS = 1000;
const RETAIN_EVERY_MS = 10 * 60_000;
/** Hooks get so long for what they have not done yet when everything else is down. */
const LAST_HOOKS_MS = 5_000;

/**
 * The composition root of the supervisor: makes every part and ties them together. Read it first: what comes from the keeper
 * and from commands goes into the supervisor's queue as inputs; what the core decides goes out through `effects`.
 */
export class Wiring {
  readonly #folder: StateFolder;
  readonly #version: string;
  readonly #store: Store;
  readonly #history: History;
  readonly #redaction = new Redaction();
  readonly #hooks: Hooks;
  /** Bytes of output that could not be kept, by instance. */
  readonly #lostBytes = new Map<string, number>();
  readonly #tokens = new Tokens();
  readonly #usage = new Usage();
  readonly #endpoints: Endpoints;
  readonly #watcher = new Watcher({ now: () => now().mono, setTimer: cancellableTimer });
  readonly #lives: Lives;
  readonly #limits = new LimitsKept((message) => this.#warn(message));
  readonly #registry: RegistryHost;
  readonly #effects: Effects;
  readonly #self: SelfHealth;
  readonly #security: SecurityMonitor;
  readonly #attendants: Attendants;
  readonly #does: Operations;
  /** Warnings of the last minute, so that a trouble that feeds on its own warnings does not grow. */
  readonly #warned: number[] = [];
  readonly #halted = Promise.withResolvers<void>();
  readonly #keeper: KeeperBond;
  readonly #over = new Over((lives) => this.#forget(lives));
  /** What the boot document says is run. */
  #documented: SystemConfig | null = null;
  /** As this supervisor has set it, whatever the disk took of it. */
  #latched: Latch | null = null;
  #supervisor: Supervisor | null = null;
  /** The state that the record and the registry know, when it is not the present one. */
  #unrecorded: SystemState | null = null;
  #writing: NodeJS.Timeout | null = null;
  #control: ControlServer | null = null;
  #ending = false;

  constructor(folder: StateFolder, version: string) {
    this.#folder = folder;
    this.#version = version;
    this.#self = new SelfHealth(folder.root, (verdict) => this.#supervisor?.dispatch({ type: 'self', verdict }));
    this.#store = openStore(folder, {
      version,
      onTrouble: (message) => {
        this.#self.trouble('database', message);
        this.#warn(message);
      },
      onRecovered: (message) => {
        this.#self.over('database');
        this.#warn(message);
      },
    });
    this.#history = new History(
      this.#store.lastEventId,
      (event) => this.#store.appendEvents([event]),
      this.#redaction.value,
    );
    this.#hooks = new Hooks({
      config: () => this.#supervisor?.state.config ?? null,
      place: (instance, command) => {
        const { state } = this.#supervisor!;
        return hookPlace(state, state.instances.get(instance)!, command, this.#surroundings(state));
      },
      fill: (text) => fillReferences(text, this.#endpointOf),
      say: (event) => this.#supervisor?.say(event),
    });
    this.#history.listen((event) => this.#hooks.onEvent(event));
    this.#endpoints = new Endpoints(folder.root);
    this.#registry = new RegistryHost({
      tokens: this.#tokens,
      state: () => this.#supervisor?.state ?? null,
      urlOf: (instance) => this.#endpoints.urlOf(instance),
      say: (event) => this.#supervisor?.say(event),
      warn: (message) => this.#warn(message),
      hide: this.#redaction.value,
      metrics: () => this.#metrics(),
      events: {
        after: (id) => this.#eventsAfter(id),
        listen: (listener) => this.#history.listen(listener),
      },
    });
    this.#lives = new Lives(
      () => this.#keeper.channel,
      (organ, instance) => runStopCommand(this.#supervisor!.state, organ, instance, this.#surroundings),
      async (organ, instance, timeoutMs, signal) => {
        const { state } = this.#supervisor!;
        const { preStop } = organ.hooks;
        if (!preStop) return;
        const how = { hook: 'pre_stop' as const, timeoutMs, signal };
        const end = await runOrganHook(state, state.instances.get(instance)!, preStop, this.#surroundings(state), how);
        if (!end.ok) this.#warn(`pre_stop of ${instance} failed: ${end.message}`);
      },
    );
    this.#keeper = new KeeperBond({
      folder,
      version,
      listeners: this.#listeners(),
      onLost: () => this.#onKeeperLost(),
      onReplaced: (info) => this.#onKeeperReplaced(info),
    });
    this.#effects = new Effects({
      dispatch: (input) => this.#supervisor!.dispatch(input),
      history: this.#history,
      lives: this.#lives,
      limits: this.#limits,
      watcher: this.#watcher,
      endpoints: this.#endpoints,
      tokens: this.#tokens,
      surroundings: this.#surroundings,
      recordChecks: (bootId, checks) => this.#recordChecks(bootId, checks),
      guard: () => this.#security.start(),
      onEmergency: (reason, organ) =>
        this.#latch({ reason: this.#redaction.text(reason), organ, at: timestamp(now().wall), report: null }),
      onHalt: () => setImmediate(() => void this.#halt()),
    });
    this.#does = operations({
      running: () => this.#supervisor,
      create: (config) => this.#create(config),
      prepare: (config) => this.#prepareMore(config),
      history: this.#history,
      store: this.#store,
      halted: this.#halted.promise,
      latch: () => readLatch(this.#folder),
      surroundings: this.#surroundings,
    });
    this.#attendants = new Attendants({
      state: () => this.#supervisor!.state,
      dispatch: (input) => this.#supervisor?.dispatch(input),
      usageOf: (instance, pid) => this.#usageOf(instance, pid),
      isHeld: (instance, limit) => this.#limits.isHeld(instance, limit),
      treeOf: async (life) => (await this.#treeOf(life)).map(({ pid }) => pid),
      scale: (organ, replicas) => this.#does.scale({ organs: { [organ]: replicas } }),
      warn: (message) => this.#warn(message),
    });
    this.#security = new SecurityMonitor({
      folder,
      state: () => this.#supervisor!.state,
      // What cannot be seen is not over: a round without the keeper is none.
      treeOf: async (life) => this.#keeper.channel.request('tree', life),
      portsOf: (instance) => this.#endpoints.portsOf(instance),
      runChecks: (config) => this.#effects.runChecks(this.#supervisor!.state, config.security.checks),
      onFindings: (findings) => this.#supervisor?.dispatch({ type: 'findings', findings }),
      ...memoryOf<RememberedPrints>(this.#store, 'fingerprints', () => this.#supervisor!.state.boot.bootId),
    });
  }

  /** Connects to the keeper, takes over what runs, and answers commands from then on. */
  async start(): Promise<void> {
    const { machineBootId } = await this.#keeper.connect();
    failpoint('supervisor:linked');
    const document = this.#readDocument();
    if (document?.machineBootId === machineBootId) await this.#takeOver(document);
    else if (document) this.#buryBoot(document);
    this.#control = await serveControl({
      path: this.#folder.supervisorSocket,
      history: this.#history,
      handlers: {
        hello: () => ({
          version: this.#version,
          pid: process.pid,
          bootId: this.#supervisor?.state.boot.bootId ?? null,
          configHash: this.#supervisor?.state.config.configHash ?? null,
          file: this.#supervisor?.state.config.file ?? '',
          phase: this.#supervisor?.state.boot.phase ?? null,
        }),
        retire: () => this.#retire(),
        status: () => this.#status(),
        up: (request) => this.#redaction.answer(this.#does.up(request)),
        down: (request) => this.#redaction.answer(this.#does.down(request)),
        act: (request) => this.#redaction.answer(this.#does.act(request)),
        plan: (request) => this.#redaction.value(this.#does.plan(request)),
        reload: (request) =>
          this.#redaction.answer(this.#does.reload(request).then((result) => this.#security.applied(result))),
        scale: (request) => this.#redaction.answer(this.#does.scale(request)),
        emergency: (request) => this.#redaction.answer(this.#does.emergency(request)),
        check: () => this.#redaction.answer(this.#check()),
        wait: (request) => this.#redaction.answer(this.#does.wait(request)),
        oneOff: (request) => this.#does.oneOff(request),
      },
      // Started for a command that left without booting anything: nobody needs it.
      onAlone: () => {
        if (!this.#supervisor) void this.#halt();
      },
    });
    failpoint('supervisor:listening');
    setTimeout(() => this.#endIfUnused(), UNUSED_MS).unref();
    setTimeout(() => this.#retainHistory(), 1000).unref();
  }

  /** SIGTERM: an orderly stop of everything; a second one: now. */
  down(reason: string): void {
    if (!this.#supervisor) return void this.#halt();
    const again = this.#supervisor.state.boot.phase === 'stopping';
    this.#supervisor.dispatch(again ? { type: 'force' } : { type: 'down', reason, timeoutMs: null });
  }

  // -------------------------------------------------------------------------------------------- systems

  async #create(config: SystemConfig): Promise<Supervisor> {
    const at = now();
    this.#redact(config);
    const remembered = {
      ports: (this.#store.recall('ports') ?? {}) as Record<string, number>,
      registryPort: this.#store.recall('registry-port') as number | null,
    };
    await this.#sweep(); // what is left of an earlier boot may hold a port
    await this.#prepare(config, remembered);
    if (this.#ending) fail('unreachable', 'the supervisor is ending');
    const supervisor = this.#adopt(idle(config, { bootId: randomUUID(), startedAt: at }));
    this.#keeper.open();
    const { bootId } = supervisor.state.boot;
    this.#store.recordBoot({
      bootId,
      startedAt: timestamp(at.wall),
      configHash: config.configHash,
      file: config.file,
      name: config.name,
    });
    this.#sayWhatChanged(config);
    this.#saveOrgans(config);
    failpoint('supervisor:created');
    this.#sayHowTheRecordIs();
    return supervisor;
  }

  /** How the database was found: nobody was there to hear it then. */
  #sayHowTheRecordIs(): void {
    const { notes, isWritable } = this.#store;
    for (const note of notes) this.#warn(note);
    if (!isWritable && notes.length > 0) this.#self.trouble('database', notes.join('; '));
  }

  #adopt(state: SystemState): Supervisor {
    this.#supervisor = new Supervisor(state, {
      now,
      random: Math.random,
      perform: (effect, system) => this.#effects.perform(effect, system),
      commit: (system) => this.#commit(system),
      changed: (before, after) => this.#onChanged(before, after),
    });
    return this.#supervisor;
  }

  /** Goes on from where another supervisor ended. */
  async #takeOver(document: BootDocument): Promise<void> {
    const { config } = document;
    const boot = recallBoot(this.#store, document.boot.bootId) ?? restoreBoot(document.boot);
    this.#documented = config;
    this.#redact(config);
    this.#tokens.secret = document.secret;
    this.#history.restore(this.#store.events().filter((event) => event.bootId === boot.bootId));
    this.#limits.recall(this.#history.after(0).map(({ message }) => message));
    this.#endpoints.restore(config, document.ports);
    await this.#prepare(config, document);
    const blank = { ...idle(config, boot), boot, security: securityAfter(this.#history.after(0)) };
    const instances = new Map(
      [...blank.instances].map(([name, instance]) => [
        name,
        recallInstance(this.#store, boot.bootId, name) ?? unremembered(blank, instance, now()),
      ]),
    );
    const supervisor = this.#adopt({ ...blank, instances });
    supervisor.say({
      type: 'supervisor-started',
      organ: null,
      instance: null,
      message: `a new supervisor (pid ${process.pid}, azora ${this.#version}) takes over ${config.name}`,
      data: {
        pid: process.pid,
        version: this.#version,
        phase: boot.phase,
        status: systemStatus(supervisor.state),
        instances: Object.fromEntries([...instances].map(([name, instance]) => [name, shownOf(instance)])),
      },
    });
    this.#sayHowTheRecordIs();
    failpoint('supervisor:recalled');
    await this.#reconcile('supervisor');
  }

  /** Brings what is known here together with what the keeper knows. */
  async #reconcile(lost: Facts['lost']): Promise<void> {
    const supervisor = this.#supervisor!;
    const lives = await this.#keeper.lives();
    for (const { exit } of lives) if (exit) this.#recordExit(exit);
    for (const life of lives) if (!life.exit) this.#limits.learn(life, life.limits, supervisor.state.config.organs);
    const held = [...this.#store.desired()].flatMap(([organ, desired]) => (desired === 'down' ? [organ] : []));
    const facts = { lives: latestLives(lives), heldDown: new Set(held), lost };
    const remembered = supervisor.state.instances;
    const { state, effects, inputs, adopted } = recover(supervisor.state, facts, now());
    for (const life of lives) {
      if (life.exit === null) this.#tokens.issue(life, life.generation);
      const present = state.instances.get(life.instance);
      if (life.exit && (!present || lifeOf(present)?.generation !== life.generation)) this.#over.add([life]);
    }
    supervisor.replace(state);
    this.#keeper.open();
    if (lost === 'supervisor' && state.boot.phase === 'ready') this.#security.start();
    for (const instance of state.instances.values()) {
      if (adopted.includes(instance)) supervisor.say(adoptedEvent(instance));
      else if (remembered.get(instance.name) !== instance) supervisor.say(lostEvent(instance));
    }
    for (const effect of effects) this.#effects.perform(effect, state);
    // Of an organ that a reload has taken out of the file, just before its supervisor died.
    const strays = lives.filter(({ exit, instance }) => exit === null && !state.instances.has(instance));
    for (const life of strays) void this.#lives.kill(life).then(() => this.#over.add([life]), ignoreLostKeeper);
    // An emergency whose latch was set and nothing else; and an empty `act`, for the core to look at what may start or end now.
    const latch = readLatch(this.#folder);
    if (latch && lost === 'supervisor') {
      supervisor.dispatch({ type: 'emergency', reason: latch.reason, organ: latch.organ });
    }
    supervisor.dispatch(...inputs, { type: 'act', verb: 'start', instances: [] });
    failpoint('supervisor:reconciled');
  }

  /** The boot document; one that nobody can read is put aside, since it would keep every next supervisor from starting. */
  #readDocument(): BootDocument | null {
    const path = this.#folder.bootDocument;
    try {
      return readBootDocument(path);
    } catch (error) {
      console.error(`${timestamp(now().wall)} put aside as ${path}.unreadable:`, error);
      renameSync(path, `${path}.unreadable`);
      return null;
    }
  }

  /** The machine went down while it ran: none of its pids means anything any more. */
  #buryBoot({ boot, config }: BootDocument): void {
    const { wall } = now();
    const message = `the machine went down while ${config.name} ran; nothing of that boot is left`;
    this.#history.add({ type: 'warning', organ: null, instance: null, message, data: {} }, boot.bootId, wall);
    this.#store.endBoot(boot.bootId, timestamp(wall), 'machine went down');
    removeBootDocument(this.#folder.bootDocument);
    removeSecrets(this.#folder.secrets);
  }

  /** What the keeper still knows of another boot must be gone before this one: its lives have the same names. */
  async #sweep(): Promise<void> {
    const lives = await this.#keeper.lives();
    if (lives.length === 0) return;
    this.#keeper.open();
    const { channel } = this.#keeper;
    const left = await Promise.all(lives.map((life) => this.#lives.kill(life)));
    const names = left.flat().map(({ pid, command }) => `${pid} (${command})`);
    if (names.length > 0) fail('stop-incomplete', `processes of an earlier boot cannot be killed: ${names.join(', ')}`);
    await channel.request('forget', { lives });
  }

  async #prepare(
    config: SystemConfig,
    remembered: { ports: Readonly<Record<string, number>>; registryPort: number | null },
  ): Promise<void> {
    await this.#endpoints.assign(config, remembered.ports);
    this.#store.remember('ports', this.#endpoints.toRemember());
    if (config.registry) {
      await this.#registry.start(config.registry, remembered.registryPort);
      this.#store.remember('registry-port', this.#registry.port);
    }
  }

  /** What a reload brings: ports for those that are new, or have others now. */
  async #prepareMore(config: SystemConfig): Promise<void> {
    const running = this.#supervisor!.state.config;
    for (const organ of Object.values(config.organs)) {
      const before = running.organs[organ.name];
      if (before && JSON.stringify(before.ports) !== JSON.stringify(organ.ports)) this.#endpoints.release(before);
    }
    await this.#endpoints.assign(config, (this.#store.recall('ports') ?? {}) as Record<string, number>);
    this.#store.remember('ports', this.#endpoints.toRemember());
  }

  // -------------------------------------------------------------------------------------------- the record

  #onChanged(before: SystemState, after: SystemState): void {
    this.#attendants.follow(after);
    if (before.config !== after.config) {
      this.#redact(after.config);
      this.#saveOrgans(after.config);
    }
    this.#over.onChanged(before, after);
    if (this.#unrecorded === null) setImmediate(() => this.#recordChanges());
    this.#unrecorded ??= before;
  }

  /** Once a turn of the loop, however much happens in it. */
  #recordChanges(): void {
    const before = this.#unrecorded;
    if (before === null) return;
    this.#unrecorded = null;
    const { state } = this.#supervisor!;
    recordChanges(this.#store, before, state, this.#statusSurroundings(), this.#redaction);
    this.#registry.onChanged(before, state);
  }

  /** Before anything is done about it: a next supervisor must know what this one has decided. */
  #commit(state: SystemState): void {
    this.#recordChanges();
    if (this.#documented !== state.config) this.#writeDocument(state);
    failpoint('supervisor:document-written');
    rememberBoot(this.#store, state.boot);
    failpoint('supervisor:boot-committed');
  }

  /** Lives whose end is on record are of no more use to anybody. */
  #forget(lives: readonly LifeKey[]): boolean {
    this.#recordChanges();
    if (!this.#keeper.isOpen || !this.#store.flush()) return false;
    this.#keeper.channel.request('forget', { lives }).catch(() => this.#over.add(lives)); // said again to the next keeper
    failpoint('supervisor:forgotten');
    return true;
  }

  /** Started for a command that never came, because it failed or was killed first. */
  #endIfUnused(): void {
    if (!this.#supervisor && this.#control?.clients === 0) void this.#halt();
  }

  /** Deletes what is older or more than the file allows, a little at a time, from now on. */
  #retainHistory(): void {
    const limits = this.#supervisor?.state.config.retention;
    const more = limits !== undefined && this.#store.retain(limits);
    setTimeout(() => this.#retainHistory(), limits && !more ? RETAIN_EVERY_MS : 1000).unref();
  }

  /** From now on, secrets are those of this configuration. */
  #redact(config: SystemConfig): void {
    if (!this.#redaction.use(config, this.#folder.secrets)) this.#writeAgain();
  }

  /** What a full disk did not take: a next supervisor, and the commands, go by it. */
  #writeAgain(): void {
    this.#writing ??= setTimeout(() => {
      this.#writing = null;
      if (!this.#supervisor || this.#ending) return;
      const { state } = this.#supervisor;
      if (this.#documented !== null && this.#documented !== state.config) this.#writeDocument(state);
      if (!this.#redaction.settle()) this.#writeAgain();
    }, WRITE_AGAIN_MS).unref();
  }

  #writeDocument({ config, boot }: SystemState): void {
    try {
      writeBootDocument(this.#folder.bootDocument, {
        config,
        boot: saveBoot(boot),
        machineBootId: this.#keeper.info?.machineBootId ?? '',
        secret: this.#tokens.secret,
        ports: this.#endpoints.toRemember(),
        registryPort: this.#registry.port,
      });
      this.#documented = config;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#warn(`${this.#folder.bootDocument} cannot be written, so no other supervisor could take over: ${why}`);
      this.#writeAgain();
    }
  }

  #saveOrgans(config: SystemConfig): void {
    this.#store.saveOrgans(
      Object.values(config.organs).map((organ) => ({
        organ: organ.name,
        category: organ.category,
        kind: organ.kind,
        critical: organ.critical,
        desired: 'up',
        // Environments hold secrets, and those of the whole terminal at that.
        config: this.#redaction.text(JSON.stringify({ ...organ, env: undefined })),
      })),
    );
  }

  #recordChecks(bootId: string, checks: readonly CheckOutcome[]): void {
    const at = timestamp(now().wall);
    for (const check of this.#redaction.value(checks)) this.#store.recordCheck({ ...check, bootId, at });
  }

  /** In what the organs differ from those of the boot before, as the database remembers them. */
  #sayWhatChanged(config: SystemConfig): void {
    const before = this.#store.organs();
    if (before.size === 0) return;
    const after = Object.values(config.organs).map(({ env: _env, ...organ }) => [organ.name, organ] as const);
    const changed = organChanges(before, new Map(this.#redaction.value(after)));
    if (changed.length === 0) return;
    this.#supervisor?.say({
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

  #warn(message: string): void {
    const at = performance.now();
    while (this.#warned[0] !== undefined && this.#warned[0] < at - 60_000) this.#warned.shift();
    if (this.#warned.length >= MOST_WARNINGS) return;
    this.#warned.push(at);
    this.#supervisor?.say({ type: 'warning', organ: null, instance: null, message, data: {} });
  }

  // -------------------------------------------------------------------------------------------- what is shown

  #status(): ReturnType<typeof statusDocument> {
    const supervisor = this.#supervisor;
    if (!supervisor) return fail('not-running', 'nothing is running', 'azora up');
    return statusDocument(supervisor.state, this.#statusSurroundings());
  }

  #metrics(): string {
    return renderMetrics({
      status: this.#status(),
      lostLogBytes: this.#lostBytes,
      lastEventId: this.#history.lastId,
      loopLagSeconds: this.#self.lagMs / 1000,
    });
  }

  /** From the database what is not at hand any more. */
  #eventsAfter(id: number): readonly SystemEvent[] {
    return id + 1 < this.#history.firstKept ? this.#store.events({ sinceId: id }) : this.#history.after(id);
  }

  /** The comprehensive checks, now, beside whatever goes on. */
  async #check(): Promise<CheckReport> {
    const supervisor = this.#supervisor ?? fail('not-running', 'nothing is running', 'azora up');
    const { config, boot } = supervisor.state;
    const checks = await this.#effects.runChecks(supervisor.state, config.checks);
    this.#recordChecks(boot.bootId, checks);
    supervisor.say(checksEvent(checks));
    const carriedOut = new Set(checks.map(({ name }) => name));
    return {
      passed: checks.every(({ passed }) => passed),
      checks,
      leftOut: config.checks.flatMap(({ name }) => (carriedOut.has(name) ? [] : [name])),
    };
  }

  #statusSurroundings(): StatusSurroundings {
    const at = now();
    return {
      now: at,
      pid: process.pid,
      keeperPid: this.#keeper.info?.pid ?? null,
      registryUrl: this.#registry.url,
      limits: () => (this.#supervisor ? this.#limits.status(this.#supervisor.state) : null),
      mask: this.#redaction.text,
      portsOf: (instance) => this.#endpoints.portsOf(instance),
      urlOf: (instance) => this.#endpoints.urlOf(instance),
      usageOf: (instance, pid) => this.#usageOf(instance, pid),
    };
  }

  /** Nobody while the keeper is being replaced. */
  async #treeOf(life: LifeKey): Promise<readonly ProcessInfo[]> {
    if (!this.#keeper.isOpen) return [];
    return this.#keeper.channel.request('tree', life).catch((error: unknown) => {
      ignoreLostKeeper(error);
      return [];
    });
  }

  #usageOf(instance: string, pid: number): ReturnType<Usage['of']> {
    const at = now().mono;
    const known = this.#supervisor?.state.instances.get(instance);
    return this.#usage.of(instance, pid, (known && lifeOf(known))?.since.mono ?? at, at);
  }

  readonly #surroundings = (system: SystemState): Surroundings => ({
    bootId: system.boot.bootId,
    stateDir: this.#folder.root,
    registryUrl: this.#registry.url,
    portsOf: (instance) => this.#endpoints.portsOf(instance),
    endpointOf: this.#endpointOf,
  });

  readonly #endpointOf = (organ: string): Endpoint | undefined =>
    this.#endpoints.endpointOf(organ) ?? this.#endpoints.endpointOf(`${organ}-1`);

  // -------------------------------------------------------------------------------------------- the keeper

  #listeners(): { readonly [K in keyof KeeperNotices]: (notice: KeeperNotices[K]) => void } {
    // Before all that the keeper knows has been looked at, its news make no sense, and are part of that anyway.
    const tell = (instance: string, input: Extract<SystemInput, { type: 'instance' }>['input']): void => {
      if (this.#keeper.isOpen) this.#supervisor?.dispatch({ type: 'instance', instance, input });
    };
    return {
      exited: (exit) => {
        failpoint('supervisor:exit-heard');
        this.#recordExit(exit);
        failpoint('supervisor:exit-recorded');
        this.#lives.onExited(exit);
        tell(exit.instance, { type: 'exited', generation: exit.generation, exit });
      },
      signalledReady: ({ instance, generation }) => {
        failpoint('supervisor:ready-heard');
        tell(instance, { type: 'signalledReady', generation });
      },
      logTrouble: ({ instance, message, lostBytes }) => {
        this.#lostBytes.set(instance, lostBytes);
        this.#self.trouble(`logs:${instance}`, `the output of ${instance} is not kept in full: ${message}`);
        this.#warn(
          `the output of ${instance} is not kept in full: ${message}${lostBytes > 0 ? `; ${lostBytes} bytes are lost` : ''}`,
        );
      },
      logRecovered: ({ instance }) => {
        this.#self.over(`logs:${instance}`);
        this.#warn(`the output of ${instance} is kept again`);
      },
    };
  }

  #recordExit(exit: ExitRecord): void {
    this.#store.recordExits([
      {
        instance: exit.instance,
        code: exit.code,
        signal: exit.signal,
        at: timestamp(exit.at),
        cause: exit.ours
          ? 'asked by azora'
          : exit.memoryLimit === undefined
            ? exit.oomKilled
              ? 'out of memory'
              : 'its own'
            : 'its memory limit',
      },
    ]);
  }

  /** Whether there is anything to go on with. */
  #onKeeperLost(): boolean {
    if (this.#ending) return false;
    this.#self.trouble('keeper', 'the keeper is gone');
    if (this.#supervisor || (this.#control?.clients ?? 1) > 0) return true;
    endNow(0);
  }

  /** The keeper was killed: its organs live on. A new one has adopted them, and this supervisor goes on with it. */
  #onKeeperReplaced({ pid }: KeeperInfo): void {
    this.#warn(
      `the keeper was killed; a new one (pid ${pid}) has adopted the organs. Up to 64 KiB of output of each organ and the exit codes of these moments may be lost`,
    );
    this.#self.over('keeper');
    // A take-over that is under way asks the new one by itself.
    if (this.#supervisor && this.#control) void this.#reconcile('keeper');
  }

  // -------------------------------------------------------------------------------------------- the end

  /** Everything is down: closes the books, ends the keeper, answers who waits, and ends this process. */
  async #halt(): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    this.#recordChanges();
    const state = this.#supervisor?.state;
    this.#security.stop();
    this.#attendants.stop();
    failpoint('supervisor:halt-begun');
    await this.#hooks.end(LAST_HOOKS_MS);
    await this.#registry.close();
    const at = timestamp(now().wall);
    if (state?.boot.phase === 'halted') {
      const report = await this.#postMortem(state, at);
      const latch = this.#latched ?? readLatch(this.#folder);
      if (latch) this.#latch({ ...latch, report });
    }
    if (state) {
      this.#store.clearDesired();
      forgetInstances(this.#store, state.instances.keys());
      this.#store.endBoot(state.boot.bootId, at, state.boot.phase === 'halted' ? 'emergency' : 'down');
    }
    failpoint('supervisor:halt-recorded');
    removeBootDocument(this.#folder.bootDocument);
    removeSecrets(this.#folder.secrets);
    failpoint('supervisor:document-removed');
    this.#store.close();
    failpoint('supervisor:record-closed');
    this.#control?.stopListening();
    rmSync(this.#folder.supervisorSocket, { force: true });
    await this.#keeper.shutdown();
    failpoint('supervisor:keeper-ended');
    this.#halted.resolve();
    // The answers to `down` are written in this turn of the loop.
    setImmediate(() => void this.#control?.close().then(() => endNow(0)));
    setTimeout(() => endNow(0), 1000).unref();
  }

  #latch(latch: Latch): void {
    this.#latched = latch;
    const trouble = setLatch(this.#folder, latch);
    if (trouble !== null)
      this.#warn(`the emergency latch ${this.#folder.emergencyLatch} is not what it should be: ${trouble}`);
  }

  /** The path of the report; null where it cannot be written. */
  async #postMortem(state: SystemState, at: string): Promise<string | null> {
    const { writePostMortem } = await import('./post-mortem.ts');
    try {
      return await writePostMortem(this.#folder, state, this.#history.after(0), at);
    } catch (error) {
      this.#warn(`the post-mortem cannot be written: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }

  /** Makes room for a supervisor of another version. */
  #retire(): null {
    this.#ending = true;
    this.#recordChanges();
    this.#store.close();
    setImmediate(() => void this.#control?.close().then(() => endNow(RETIRED)));
    setTimeout(() => endNow(RETIRED), 1000).unref();
    return null;
  }
}

/** It is looked at again with the next keeper. */
function ignoreLostKeeper(error: unknown): void {
  if (!(error instanceof FailureError)) throw error;
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

function modifiedAt(file: string): string | null {
  try {
    return timestamp(statSync(file).mtimeMs);
  } catch {
    return null; // gone, or out of reach
  }
}

function cancellableTimer(run: () => void, inMs: number): () => void {
  const timer = setTimeout(run, inMs);
  return () => clearTimeout(timer);
}
