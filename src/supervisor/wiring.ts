import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { now } from '../adapters/clock.ts';
import { readLatch, setLatch } from '../adapters/latch.ts';
import { startDaemon } from '../adapters/self.ts';
import { openStore, type Store } from '../adapters/sqlite/store.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { SystemConfig } from '../core/config/model.ts';
import type { Endpoint } from '../core/config/references.ts';
import type { CheckOutcome, SystemInput } from '../core/machine/inputs.ts';
import { type KnownLife, recover } from '../core/machine/recover.ts';
import { type Instance, lifeOf, type SystemState } from '../core/machine/state.ts';
import { idle } from '../core/machine/step.ts';
import { type Surroundings as StatusSurroundings, statusDocument } from '../core/status-view.ts';
import { timestamp } from '../core/time.ts';
import type { ExitRecord, KeeperNotices, Life } from '../keeper/protocol.ts';
import { type BootDocument, readBootDocument, removeBootDocument, writeBootDocument } from './boot-document.ts';
import { type ControlServer, serveControl } from './control.ts';
import { Effects } from './effects.ts';
import { Endpoints } from './endpoints.ts';
import { History } from './history.ts';
import { type KeeperLink, linkKeeper } from './keeper-link.ts';
import type { Surroundings } from './launch.ts';
import { Lives } from './lives.ts';
import { operations } from './operations.ts';
import { forgetInstances, recallInstance, recordChanges } from './record.ts';
import { RegistryHost } from './registry-host.ts';
import { SecurityMonitor } from './security/monitor.ts';
import { SelfHealth } from './self-health.ts';
import { runStopCommand } from './stop-command.ts';
import { Supervisor } from './supervisor.ts';
import { Tokens } from './tokens.ts';
import { Usage } from './usage.ts';
import { Watcher } from './watcher.ts';
import { Wheel } from './wheel.ts';

/** Whoever starts a supervisor connects at once. */
const UNUSED_MS = 5000;
/** A minute's worth; what goes beyond is the same trouble again. */
const MOST_WARNINGS = 60;
const RETAIN_EVERY_MS = 10 * 60_000;

/**
 * The composition root of the supervisor: makes every part and ties them together. Read it first: what comes from the keeper
 * and from commands goes into the supervisor's queue as inputs; what the core decides goes out through `effects`.
 */
export class Wiring {
  readonly #folder: StateFolder;
  readonly #version: string;
  readonly #store: Store;
  readonly #history: History;
  readonly #tokens = new Tokens();
  readonly #usage = new Usage();
  readonly #endpoints: Endpoints;
  readonly #watcher = new Watcher(new Wheel({ now: () => now().mono, setTimer: cancellableTimer }));
  readonly #lives: Lives;
  readonly #registry: RegistryHost;
  readonly #effects: Effects;
  readonly #self: SelfHealth;
  readonly #security: SecurityMonitor;
  /** Warnings of the last minute, so that a trouble that feeds on its own warnings does not grow. */
  readonly #warned: number[] = [];
  readonly #halted = Promise.withResolvers<void>();
  #keeper: KeeperLink | null = null;
  #supervisor: Supervisor | null = null;
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
    this.#history = new History(this.#store.lastEventId, (event) => this.#store.appendEvents([event]));
    this.#endpoints = new Endpoints(folder.root);
    this.#registry = new RegistryHost({
      tokens: this.#tokens,
      state: () => this.#supervisor?.state ?? null,
      urlOf: (instance) => this.#endpoints.urlOf(instance),
      say: (event) => this.#supervisor?.say(event),
      warn: (message) => this.#warn(message),
    });
    this.#lives = new Lives(
      () => this.#keeper!.channel,
      (organ, instance) => runStopCommand(this.#supervisor!.state, organ, instance, this.#surroundings),
    );
    this.#effects = new Effects({
      dispatch: (input) => this.#supervisor!.dispatch(input),
      history: this.#history,
      lives: this.#lives,
      watcher: this.#watcher,
      endpoints: this.#endpoints,
      tokens: this.#tokens,
      surroundings: this.#surroundings,
      recordChecks: (bootId, checks) => this.#recordChecks(bootId, checks),
      guard: () => this.#security.start(),
      onEmergency: (reason, organ) =>
        setLatch(this.#folder, { reason, organ, at: timestamp(now().wall), report: null }),
      onHalt: () => setImmediate(() => void this.#halt()),
    });
    this.#security = new SecurityMonitor({
      folder,
      state: () => this.#supervisor!.state,
      treeOf: async (life) => this.#keeper?.channel.request('tree', life) ?? [],
      portsOf: (instance) => this.#endpoints.portsOf(instance),
      runChecks: (config) => this.#effects.runChecks(this.#supervisor!.state, config.security.checks),
      onFindings: (findings) => this.#supervisor?.dispatch({ type: 'findings', findings }),
    });
  }

  /** Connects to the keeper, takes over what runs, and answers commands from then on. */
  async start(): Promise<void> {
    this.#keeper = await this.#link();
    const document = readBootDocument(this.#folder.bootDocument);
    if (document) await this.#takeOver(document);
    const does = operations({
      running: () => this.#supervisor,
      create: (config) => this.#create(config),
      history: this.#history,
      store: this.#store,
      halted: this.#halted.promise,
      latch: () => readLatch(this.#folder),
    });
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
        }),
        status: () => this.#status(),
        up: (request) => does.up(request),
        down: (request) => does.down(request),
        act: (request) => does.act(request),
        emergency: (request) => does.emergency(request),
      },
      // Started for a command that left without booting anything: nobody needs it.
      onAlone: () => {
        if (!this.#supervisor) void this.#halt();
      },
    });
    setTimeout(() => this.#endIfUnused(), UNUSED_MS).unref();
    setTimeout(() => this.#retainHistory(), 1000).unref();
  }

  /** SIGTERM: an orderly stop of everything. */
  down(reason: string): void {
    if (this.#supervisor) this.#supervisor.dispatch({ type: 'down', reason, timeoutMs: null });
    else void this.#halt();
  }

  // -------------------------------------------------------------------------------------------- systems

  async #create(config: SystemConfig): Promise<Supervisor> {
    const at = now();
    await this.#prepare(config, {
      ports: (this.#store.recall('ports') ?? {}) as Record<string, number>,
      registryPort: this.#store.recall('registry-port') as number | null,
    });
    const supervisor = this.#adopt(idle(config, { bootId: randomUUID(), startedAt: at }));
    const { bootId } = supervisor.state.boot;
    this.#store.recordBoot({
      bootId,
      startedAt: timestamp(at.wall),
      configHash: config.configHash,
      file: config.file,
      name: config.name,
    });
    this.#saveOrgans(config);
    this.#writeDocument(supervisor.state);
    for (const note of this.#store.notes) this.#warn(note);
    return supervisor;
  }

  #adopt(state: SystemState): Supervisor {
    this.#supervisor = new Supervisor(state, {
      now,
      random: Math.random,
      perform: (effect, system) => this.#effects.perform(effect, system),
      changed: (before, after) => this.#onChanged(before, after),
    });
    return this.#supervisor;
  }

  /** Goes on from where another supervisor ended. */
  async #takeOver(document: BootDocument): Promise<void> {
    const { config } = document;
    this.#endpoints.restore(config, document.ports);
    await this.#prepare(config, document);
    for (const [instance, digest] of Object.entries(document.tokens)) {
      const organ = instance in config.organs ? instance : instance.replace(/-\d+$/, '');
      this.#tokens.restore({ organ, instance }, digest);
    }
    const boot = { ...document.boot, wanted: new Set(document.boot.wanted) };
    const fresh = idle(config, boot);
    const instances = new Map(
      [...fresh.instances].map(([name, blank]) => [
        name,
        recallInstance(this.#store, name) ?? { ...blank, desired: 'up' as const },
      ]),
    );
    const supervisor = this.#adopt({ ...fresh, boot, instances });
    supervisor.say({
      type: 'supervisor-started',
      organ: null,
      instance: null,
      message: `a new supervisor (pid ${process.pid}) takes over ${config.name}`,
      data: { pid: process.pid },
    });
    await this.#reconcile();
  }

  /** Brings what is known here together with what the keeper knows. */
  async #reconcile(): Promise<void> {
    const supervisor = this.#supervisor!;
    const lives = await this.#keeper!.channel.request('lives', null);
    const { state, effects, inputs, adopted } = recover(supervisor.state, latestLives(lives), now());
    const after = this.#adopt(state);
    if (state.boot.phase === 'ready') this.#security.start();
    if (state.boot.phase === 'emergency') after.dispatch({ type: 'emergencyDeadline' });
    for (const instance of adopted) after.say(adoptedEvent(instance));
    this.#registry.onChanged(null, state);
    for (const effect of effects) this.#effects.perform(effect, state);
    // An empty `act` makes the core look at what may start or end now.
    after.dispatch(...inputs, { type: 'act', verb: 'start', instances: [] });
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

  // -------------------------------------------------------------------------------------------- the record

  #onChanged(before: SystemState, after: SystemState): void {
    recordChanges(this.#store, before, after, this.#statusSurroundings());
    this.#registry.onChanged(before, after);
    const over = after.boot.phase === 'stopped' || after.boot.phase === 'halted';
    if (before.boot !== after.boot && !over) this.#writeDocument(after);
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

  #writeDocument({ config, boot }: SystemState): void {
    writeBootDocument(this.#folder.bootDocument, {
      config,
      boot: { ...boot, wanted: [...boot.wanted] },
      tokens: this.#tokens.save(),
      ports: this.#endpoints.toRemember(),
      registryPort: this.#registry.port,
    });
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
        config: JSON.stringify({ ...organ, env: undefined }),
      })),
    );
  }

  #recordChecks(bootId: string, checks: readonly CheckOutcome[]): void {
    const at = timestamp(now().wall);
    for (const check of checks) this.#store.recordCheck({ ...check, bootId, at });
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
    if (!supervisor) throw new Error('status was asked for before anything was booted');
    return statusDocument(supervisor.state, this.#statusSurroundings());
  }

  #statusSurroundings(): StatusSurroundings {
    const at = now();
    return {
      now: at,
      pid: process.pid,
      keeperPid: this.#keeper?.info.pid ?? null,
      registryUrl: this.#registry.url,
      portsOf: (instance) => this.#endpoints.portsOf(instance),
      urlOf: (instance) => this.#endpoints.urlOf(instance),
      usageOf: (instance, pid) => {
        const life = lifeOf(this.#supervisor!.state.instances.get(instance)!);
        return this.#usage.of(instance, pid, life?.since.mono ?? at.mono, at.mono);
      },
    };
  }

  readonly #surroundings = (system: SystemState): Surroundings => ({
    bootId: system.boot.bootId,
    stateDir: this.#folder.root,
    registryUrl: this.#registry.url,
    portsOf: (instance) => this.#endpoints.portsOf(instance),
    endpointOf: (organ): Endpoint | undefined =>
      this.#endpoints.endpointOf(organ) ?? this.#endpoints.endpointOf(`${organ}-1`),
  });

  // -------------------------------------------------------------------------------------------- the keeper

  #link(): Promise<KeeperLink> {
    const tell = (instance: string, input: Extract<SystemInput, { type: 'instance' }>['input']): void =>
      this.#supervisor?.dispatch({ type: 'instance', instance, input });
    const listeners: { [K in keyof KeeperNotices]: (notice: KeeperNotices[K]) => void } = {
      exited: (exit) => {
        this.#recordExit(exit);
        this.#lives.onExited(exit);
        tell(exit.instance, { type: 'exited', generation: exit.generation, exit });
      },
      signalledReady: ({ instance, generation }) => tell(instance, { type: 'signalledReady', generation }),
      logTrouble: ({ instance, message, lostBytes }) => {
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
    return linkKeeper(this.#folder.keeperSocket, this.#version, listeners, () => void this.#onKeeperLost());
  }

  #recordExit(exit: ExitRecord): void {
    this.#store.recordExits([
      {
        instance: exit.instance,
        code: exit.code,
        signal: exit.signal,
        at: timestamp(exit.at),
        cause: exit.ours ? 'asked by azora' : exit.oomKilled ? 'out of memory' : 'its own',
      },
    ]);
  }

  /** The keeper was killed: its organs live on. A new one adopts them, and this supervisor goes on with it. */
  async #onKeeperLost(): Promise<void> {
    if (this.#ending) return;
    this.#keeper = null;
    this.#self.trouble('keeper', 'the keeper is gone');
    await startDaemon(['__keeper', '--state-dir', this.#folder.root, '--no-supervisor'], {
      log: `${this.#folder.run}/keeper.log`,
    });
    for (let attempt = 1; ; attempt++) {
      try {
        this.#keeper = await this.#link();
        break;
      } catch (cause) {
        // It may take a moment to listen; a supervisor without a keeper is of no use after that.
        if (attempt === 200) throw new Error('the keeper is gone and no new one answers', { cause });
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
    this.#warn(
      `the keeper was killed; a new one (pid ${this.#keeper.info.pid}) has adopted the organs. Up to 64 KiB of output of each organ and the exit codes of these moments may be lost`,
    );
    this.#self.over('keeper');
    if (this.#supervisor) await this.#reconcile();
  }

  // -------------------------------------------------------------------------------------------- the end

  /** Everything is down: closes the books, ends the keeper, answers who waits, and ends this process. */
  async #halt(): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    const state = this.#supervisor?.state;
    this.#security.stop();
    await this.#registry.close();
    const at = timestamp(now().wall);
    if (state?.boot.phase === 'halted') {
      const { writePostMortem } = await import('./post-mortem.ts');
      const report = await writePostMortem(this.#folder, state, this.#history.after(0), at);
      const latch = readLatch(this.#folder);
      if (latch) setLatch(this.#folder, { ...latch, report });
    }
    if (state) {
      this.#store.clearDesired();
      forgetInstances(this.#store, state.instances.keys());
      this.#store.endBoot(state.boot.bootId, at, state.boot.phase === 'halted' ? 'emergency' : 'down');
    }
    removeBootDocument(this.#folder.bootDocument);
    this.#store.close();
    this.#control?.stopListening();
    rmSync(this.#folder.supervisorSocket, { force: true });
    await this.#keeper?.channel.request('shutdown', null).catch(() => {
      // It ends by itself as soon as this supervisor has.
    });
    this.#halted.resolve();
    // The answers to `down` are written in this turn of the loop.
    setImmediate(() => void this.#control?.close().then(() => process.exit(0)));
    setTimeout(() => process.exit(0), 1000).unref();
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
    data: { pid },
  };
}

function cancellableTimer(run: () => void, inMs: number): () => void {
  const timer = setTimeout(run, inMs);
  return () => clearTimeout(timer);
}
