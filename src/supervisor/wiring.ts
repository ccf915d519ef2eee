import { rmSync } from 'node:fs';
import { now } from '../adapters/clock.ts';
import type { CheckReport, ControlMethods } from '../adapters/control/protocol.ts';
import { crypto } from '../adapters/crypto.ts';
import { endNow } from '../adapters/end-now.ts';
import { failpoint } from '../adapters/failpoint.ts';
import { type Latch, readLatch, setLatch } from '../adapters/latch.ts';
import { openStore, type Store } from '../adapters/sqlite/store.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { SystemConfig } from '../core/config/model.ts';
import { type Endpoint, fillReferences } from '../core/config/references.ts';
import { fail } from '../core/failures.ts';
import { checksEvent } from '../core/machine/boot.ts';
import { idle } from '../core/machine/new-system.ts';
import type { SystemState } from '../core/machine/state.ts';
import type { Finding } from '../core/security.ts';
import { timestamp } from '../core/time.ts';
import { type KeeperInfo, type LifeKey, type ProcessInfo, RETIRED } from '../keeper/protocol.ts';
import { Attendants } from './attendants.ts';
import { Books } from './books.ts';
import { type ControlServer, serveControl } from './control.ts';
import { Effects } from './effects.ts';
import { Endpoints } from './endpoints.ts';
import { History } from './history.ts';
import { Hooks } from './hooks.ts';
import { KeeperBond } from './keeper-bond.ts';
import { ignoreLostKeeper } from './keeper-link.ts';
import { keeperNews } from './keeper-news.ts';
import type { Surroundings } from './launch.ts';
import { LimitsKept } from './limits.ts';
import { Lives } from './lives.ts';
import { meanwhileLoadToSpawn } from './meanwhile.ts';
import { type Operations, operations } from './operations.ts';
import { hookPlace, runOrganHook } from './organ-hook.ts';
import { memoryOf } from './record.ts';
import { Redaction } from './redaction.ts';
import { RegistryHost } from './registry-host.ts';
import type { RememberedPrints } from './security/fingerprints.ts';
import { SecurityMonitor } from './security/monitor.ts';
import { SelfHealth } from './self-health.ts';
import { Shown } from './shown.ts';
import { runStopCommand } from './stop-command.ts';
import { Supervisor } from './supervisor.ts';
import { TakeOver } from './take-over.ts';
import { Tokens } from './tokens.ts';
import { Warnings } from './warnings.ts';
import { Watcher } from './watcher.ts';

/** Whoever starts a supervisor connects at once. */
const UNUSED_MS = 5000;
/** Old history is deleted when nobody waits for a boot any more. */
const MAINTAIN_AFTER_MS = 1000;
/** Hooks get so long for what they have not done yet when everything else is down. */
const LAST_HOOKS_MS = 5_000;

/**
 * The composition root of the supervisor: makes every part and ties them together. Read it first: what comes from the keeper
 * and from commands goes into the supervisor's queue as inputs; what the core decides goes out through `effects`.
 */
export class Wiring {
  readonly #warn = new Warnings((event) => this.#supervisor?.say(event)).warn;
  readonly #folder: StateFolder;
  readonly #version: string;
  readonly #store: Store;
  readonly #history: History;
  readonly #redaction = new Redaction();
  readonly #hooks: Hooks;
  /** Bytes of output that could not be kept, by instance. */
  readonly #lostBytes = new Map<string, number>();
  readonly #tokens = new Tokens();
  readonly #endpoints: Endpoints;
  readonly #watcher = new Watcher({ now: () => now().mono, setTimer: cancellableTimer });
  readonly #lives: Lives;
  readonly #limits = new LimitsKept(this.#warn);
  readonly #registry: RegistryHost;
  readonly #effects: Effects;
  readonly #self: SelfHealth;
  readonly #security: SecurityMonitor;
  readonly #attendants: Attendants;
  readonly #does: Operations;
  readonly #halted = Promise.withResolvers<void>();
  readonly #keeper: KeeperBond;
  readonly #books: Books;
  readonly #shown: Shown;
  readonly #takeOver: TakeOver;
  /** As this supervisor has set it, whatever the disk took of it. */
  #latched: Latch | null = null;
  #supervisor: Supervisor | null = null;
  #control: ControlServer | null = null;
  #ending = false;

  constructor(folder: StateFolder, version: string) {
    this.#folder = folder;
    this.#version = version;
    this.#self = new SelfHealth(
      folder.root,
      (verdict) => this.#supervisor?.dispatch({ type: 'self', verdict }),
      () => this.#keeper.trouble(),
    );
    this.#store = openStore(folder, {
      version,
      gather: () => this.#books?.gather(),
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
    this.#shown = new Shown({
      running: () => this.#supervisor,
      store: this.#store,
      history: this.#history,
      endpoints: this.#endpoints,
      limits: this.#limits,
      redaction: this.#redaction,
      self: this.#self,
      registry: () => this.#registry,
      keeper: () => this.#keeper,
      lostBytes: this.#lostBytes,
    });
    this.#registry = new RegistryHost({
      tokens: this.#tokens,
      state: () => this.#supervisor?.state ?? null,
      urlOf: (instance) => this.#endpoints.urlOf(instance),
      say: (event) => this.#supervisor?.say(event),
      warn: this.#warn,
      hide: this.#redaction.value,
      metrics: () => this.#shown.metrics(),
      events: {
        after: (id) => this.#shown.eventsAfter(id),
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
      listeners: keeperNews({
        recordExit: (exit) => this.#books.recordExit(exit),
        lives: () => this.#lives,
        self: this.#self,
        lostBytes: this.#lostBytes,
        // Before all that the keeper knows has been looked at, its news make no sense, and are part of that anyway.
        tell: (instance, input) => {
          if (this.#keeper.isOpen) this.#supervisor?.dispatch({ type: 'instance', instance, input });
        },
        warn: this.#warn,
      }),
      onLost: () => this.#onKeeperLost(),
      onReplaced: (info) => this.#onKeeperReplaced(info),
    });
    this.#books = new Books({
      folder,
      store: this.#store,
      redaction: this.#redaction,
      tokens: this.#tokens,
      endpoints: this.#endpoints,
      registry: this.#registry,
      keeper: this.#keeper,
      running: () => this.#supervisor,
      shownWith: () => this.#shown.recorded(),
      warn: this.#warn,
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
      recordChecks: (bootId, checks) => this.#books.recordChecks(bootId, checks),
      hide: this.#redaction.value,
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
      usageOf: (instance, pid) => this.#shown.usageOf(instance, pid),
      isHeld: (instance, limit) => this.#limits.isHeld(instance, limit),
      treeOf: async (life) => (await this.#treeOf(life)).map(({ pid }) => pid),
      scale: (organ, replicas) => this.#does.scale({ organs: { [organ]: replicas } }),
      warn: this.#warn,
    });
    this.#security = new SecurityMonitor({
      folder,
      state: () => this.#supervisor!.state,
      // What cannot be seen is not over: a round without the keeper is none.
      treesOf: async (lives) => this.#keeper.channel.request('trees', { lives }),
      portsOf: (instance) => this.#endpoints.portsOf(instance),
      runChecks: (config) => this.#effects.runChecks(this.#supervisor!.state, config.security.checks),
      onFindings: (findings) => this.#report(findings),
      ...memoryOf<RememberedPrints>(this.#store, 'fingerprints', () => this.#supervisor!.state.boot.bootId),
    });
    this.#takeOver = new TakeOver({
      folder,
      version,
      store: this.#store,
      books: this.#books,
      history: this.#history,
      tokens: this.#tokens,
      limits: this.#limits,
      endpoints: this.#endpoints,
      keeper: this.#keeper,
      lives: this.#lives,
      effects: this.#effects,
      security: this.#security,
      prepare: (config, remembered) => this.#prepare(config, remembered),
      adopt: (state) => this.#adopt(state),
      sayHowTheRecordIs: () => this.#sayHowTheRecordIs(),
    });
  }

  /** Connects to the keeper, takes over what runs, and answers commands from then on. */
  async start(): Promise<void> {
    const { machineBootId } = await this.#keeper.connect();
    failpoint('supervisor:linked');
    await this.#takeOver.begin(machineBootId);
    this.#control = await serveControl({
      path: this.#folder.supervisorSocket,
      history: this.#history,
      handlers: {
        hello: () => this.#hello(),
        retire: () => this.#retire(),
        status: (request) => this.#shown.status(request?.usage),
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
    setTimeout(() => this.#books.maintain(), MAINTAIN_AFTER_MS).unref();
  }

  #hello(): Omit<ControlMethods['hello']['result'], 'protocol'> {
    const { boot, config } = this.#supervisor?.state ?? {};
    if (!boot) meanwhileLoadToSpawn(); // the command has its question to write
    return {
      version: this.#version,
      pid: process.pid,
      bootId: boot?.bootId ?? null,
      configHash: config?.configHash ?? null,
      file: config?.file ?? '',
      phase: boot?.phase ?? null,
    };
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
    this.#books.redact(config);
    const remembered = {
      ports: (this.#store.recall('ports') ?? {}) as Record<string, number>,
      registryPort: this.#store.recall('registry-port') as number | null,
    };
    await this.#sweep(); // what is left of an earlier boot may hold a port
    await this.#prepare(config, remembered);
    if (this.#ending) fail('unreachable', 'the supervisor is ending');
    const supervisor = this.#adopt(idle(config, { bootId: crypto().randomUUID(), startedAt: at }));
    this.#keeper.open();
    this.#books.begin(supervisor.state);
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
      commit: (system) => this.#books.commit(system),
      changed: (before, after) => {
        this.#attendants.follow(after);
        this.#books.onChanged(before, after);
      },
    });
    return this.#supervisor;
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

  /** Started for a command that never came, because it failed or was killed first. */
  #endIfUnused(): void {
    if (!this.#supervisor && this.#control?.clients === 0) void this.#halt();
  }

  /** The comprehensive checks, now, beside whatever goes on. */
  async #check(): Promise<CheckReport> {
    const supervisor = this.#supervisor ?? fail('not-running', 'nothing is running', 'azora up');
    const { config, boot } = supervisor.state;
    const checks = await this.#effects.runChecks(supervisor.state, config.checks);
    this.#books.recordChecks(boot.bootId, checks);
    supervisor.say(checksEvent(checks));
    const carriedOut = new Set(checks.map(({ name }) => name));
    return {
      passed: checks.every(({ passed }) => passed),
      checks,
      leftOut: config.checks.flatMap(({ name }) => (carriedOut.has(name) ? [] : [name])),
    };
  }

  /** Written down before anybody acts on it: the next supervisor neither raises an alert again nor asks twice for a decision. */
  #report(findings: readonly Finding[]): void {
    const before = this.#history.lastId;
    this.#supervisor?.dispatch({ type: 'findings', findings });
    if (this.#history.lastId > before) this.#store.flush();
  }

  /** Nobody while the keeper is being replaced. */
  async #treeOf(life: LifeKey): Promise<readonly ProcessInfo[]> {
    if (!this.#keeper.isOpen) return [];
    return this.#keeper.channel.request('tree', life).catch((error: unknown) => {
      ignoreLostKeeper(error);
      return [];
    });
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
    if (this.#supervisor && this.#control) void this.#takeOver.reconcile(this.#supervisor, 'keeper');
  }

  // -------------------------------------------------------------------------------------------- the end

  /** Everything is down: closes the books, ends the keeper, answers who waits, and ends this process. */
  async #halt(): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    this.#books.settle();
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
    this.#books.end(state, at);
    this.#control?.stopListening();
    rmSync(this.#folder.supervisorSocket, { force: true });
    const keeperEnds = this.#keeper.shutdown();
    // Once the keeper has been told: both take a few milliseconds.
    setImmediate(() => {
      this.#books.close();
      failpoint('supervisor:record-closed');
    });
    await keeperEnds;
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
    this.#books.settle();
    this.#books.close();
    setImmediate(() => void this.#control?.close().then(() => endNow(RETIRED)));
    setTimeout(() => endNow(RETIRED), 1000).unref();
    return null;
  }
}

function cancellableTimer(run: () => void, inMs: number): () => void {
  const timer = setTimeout(run, inMs);
  return () => clearTimeout(timer);
}
