import { isMainThread } from 'node:worker_threads';
import type { Survivor, UpResult } from './adapters/control/protocol.ts';
import { hearNoChildren } from './adapters/self.ts';
import { createStateFolder, type StateFolder, stateFolder, stateRootOf } from './adapters/state-folder.ts';
import { ownVersion } from './adapters/version.ts';
import { connectSupervisor } from './cli/connect.ts';
import type { Connection } from './cli/connection.ts';
import { findSupervisor, startSupervisor } from './cli/daemons.ts';
import { Departure } from './cli/departure.ts';
import type { SystemConfig } from './core/config/model.ts';
import type { SystemEvent } from './core/events.ts';
import { FailureError, fail } from './core/failures.ts';
import type { StatusDocument } from './core/status.ts';

/**
 * azora as a library: `import { load } from 'azora'`. The system runs in processes of its own, exactly as with the command
 * line; a program that uses this may end, and what it has booted runs on.
 *
 *     const system = await load({ file: 'azora.yaml' });
 *     for await (const event of system.boot()) console.log(event.message);
 *     console.log(await system.status());
 *     await system.down();
 */

if (!isMainThread) hearNoChildren();

export type { SystemConfig } from './core/config/model.ts';
export type { EventType, SystemEvent } from './core/events.ts';
export { type Failure, FailureError, type FailureKind } from './core/failures.ts';
export type { Health, InstanceState, InstanceStatus, Phase, StatusDocument, SystemStatus } from './core/status.ts';

export interface LoadOptions {
  /** The azora.yaml; without it the nearest one, from `cwd` upwards. */
  readonly file?: string;
  /** Default: the process's. */
  readonly cwd?: string;
  /** The environment that organs and `${VARIABLES}` see. Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Instead of those of the file. */
  readonly profiles?: readonly string[];
  /** Where logs and state are kept. Default: `.azora` beside the file. */
  readonly stateDir?: string;
}

export interface BootOptions {
  /** Only these and what they need. */
  readonly organs?: readonly string[];
  /** Do not start what they need. */
  readonly noDeps?: boolean;
  /** Forget which organs were stopped by hand before. */
  readonly fresh?: boolean;
}

/**
 * Reads and checks a system's file. Starts nothing.
 * @throws FailureError `config-invalid` with every mistake and its place, `no-file`
 */
export async function load(options: LoadOptions = {}): Promise<System> {
  const { loadConfig } = await import('./adapters/config/load.ts');
  const { file, cwd = process.cwd(), env = process.env, profiles, stateDir } = options;
  const loaded = await loadConfig({ cwd, env, ...(file && { file }), ...(profiles && { profiles: [...profiles] }) });
  if (!loaded.ok) {
    const { renderProblems } = await import('./adapters/config/render-problems.ts');
    const kind = loaded.file === null ? 'no-file' : 'config-invalid';
    return fail(kind, renderProblems(loaded.problems, { color: false }));
  }
  return new System(loaded.config, stateFolder(stateRootOf(loaded.config.file, stateDir)));
}

/** One system: what its file says, and what can be done with it. */
export class System {
  /** What the file means. */
  readonly config: SystemConfig;
  readonly #folder: StateFolder;
  readonly #version = ownVersion();

  /** @internal */
  constructor(config: SystemConfig, folder: StateFolder) {
    this.config = config;
    this.#folder = folder;
  }

  /**
   * Boots it, or starts what is missing of one that runs, and yields the events until it is ready.
   * @throws FailureError `boot-failed` when a critical organ failed or `boot.timeout` passed; what runs keeps running
   */
  async *boot(options: BootOptions = {}): AsyncGenerator<SystemEvent, void> {
    createStateFolder(this.#folder);
    const connection = await startSupervisor(this.#folder, this.#version);
    const events = new EventQueue(connection);
    try {
      const begun = await connection.request(
        'up',
        {
          config: this.config,
          organs: options.organs ?? null,
          noDeps: options.noDeps ?? false,
          fresh: options.fresh ?? false,
        },
        60_000,
      );
      await connection.request('subscribe', { since: begun.since, types: null });
      yield* untilReady(events, begun);
    } finally {
      connection.close();
    }
  }

  /** Boots it and resolves when it is ready. */
  async up(options: BootOptions = {}): Promise<void> {
    for await (const _ of this.boot(options)) {
      // Whoever wants to see what happens uses boot().
    }
  }

  /**
   * Everything that happens from now on, until the system is down or `signal` is aborted.
   * @throws FailureError `not-running`
   */
  async *events({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<SystemEvent, void> {
    const connection = await this.#running();
    const events = new EventQueue(connection);
    const stop = (): void => connection.close();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      await connection.request('subscribe', { since: null, types: null });
      if (!signal?.aborted) yield* events;
    } finally {
      signal?.removeEventListener('abort', stop);
      connection.close();
    }
  }

  /** The document of `azora status --json`. @throws FailureError `not-running` */
  status(): Promise<StatusDocument> {
    return this.#ask((connection) => connection.request('status', null));
  }

  /** Starts organs and what they need, and waits until they are ready. @throws FailureError `not-running`, `unknown-organ` */
  start(...organs: string[]): Promise<void> {
    return this.#act('start', organs);
  }

  /** Stops organs; they stay down until someone starts them. */
  stop(...organs: string[]): Promise<void> {
    return this.#act('stop', organs);
  }

  restart(...organs: string[]): Promise<void> {
    return this.#act('restart', organs);
  }

  /**
   * Stops everything, dependents first, and resolves when every process is gone; at once when nothing runs.
   * @throws FailureError `stop-incomplete`, naming what could not be killed
   */
  async down({ force = false }: { readonly force?: boolean } = {}): Promise<void> {
    const connection = await findSupervisor(this.#folder, this.#version);
    if (!connection) return;
    const departure = await Departure.of(this.#folder, this.#version);
    departure.expect(connection);
    try {
      const { survivors } = await connection.request('down', { timeoutMs: null, force }, null);
      if (survivors.length > 0) throw incomplete(survivors);
      await departure.over(connection);
    } finally {
      departure.cancel();
    }
  }

  async #act(verb: 'start' | 'stop' | 'restart', organs: readonly string[]): Promise<void> {
    const { instances } = await this.#ask((connection) =>
      connection.request('act', { verb, organs, timeoutMs: null }, null),
    );
    const failed = instances.filter(({ state }) => state === 'failed' || state === 'stuck');
    if (failed.length > 0) {
      fail(
        'organ-failed',
        failed.map(({ instance, reason }) => `${instance} failed: ${reason ?? 'no reason known'}`).join('; '),
      );
    }
  }

  async #ask<T>(question: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#running();
    try {
      return await question(connection);
    } finally {
      connection.close();
    }
  }

  async #running(): Promise<Connection> {
    const connection =
      (await connectSupervisor(this.#folder, this.#version)) ?? (await findSupervisor(this.#folder, this.#version));
    if (!connection?.hello.bootId) return fail('not-running', `${this.config.name} is not running`);
    return connection;
  }
}

function incomplete(survivors: readonly Survivor[]): FailureError {
  const pids = survivors.flatMap(({ processes }) => processes.map(({ pid }) => pid));
  const message = `could not stop everything; left are ${pids.join(', ')}`;
  return new FailureError({ kind: 'stop-incomplete', message, hint: null });
}

/** Events of a connection in the order in which they came, for whoever takes them one by one; ends with the connection. */
class EventQueue implements AsyncIterable<SystemEvent> {
  readonly #waiting: SystemEvent[] = [];
  #wake: () => void = () => {};
  #over = false;

  constructor(connection: Connection) {
    connection.onEvent((event) => {
      this.#waiting.push(event);
      this.#wake();
    });
    void connection.closed.then(() => {
      this.#over = true;
      this.#wake();
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SystemEvent, void> {
    for (;;) {
      const event = this.#waiting.shift();
      if (event) yield event;
      else if (this.#over) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** Yields what a boot says, until it is over: ready, or failed. */
async function* untilReady(events: EventQueue, begun: UpResult): AsyncGenerator<SystemEvent, void> {
  const open = new Set(begun.starting);
  if (!begun.booted && open.size === 0) return;
  for await (const event of events) {
    yield event;
    switch (event.type) {
      case 'system-ready':
        return;
      case 'system-boot-failed':
        throw new FailureError({ kind: 'boot-failed', message: event.message, hint: 'azora status shows what failed' });
      case 'organ-ready':
      case 'organ-assumed-ready':
      case 'organ-completed':
      case 'organ-failed':
        open.delete(event.instance ?? '');
        // A system that was ready before says so once in a boot; what was added has its own end.
        if (!begun.booted && open.size === 0) return;
    }
  }
  fail('unreachable', 'the supervisor ended before the system was ready', 'azora status');
}
