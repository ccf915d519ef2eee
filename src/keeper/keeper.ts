import { constants } from 'node:os';
import { monotonic } from '../adapters/clock.ts';
import { crypto } from '../adapters/crypto.ts';
import { endNow } from '../adapters/end-now.ts';
import { failpoint } from '../adapters/failpoint.ts';
import type { Libc } from '../adapters/libc.ts';
import type { Reaped } from '../adapters/posix-spawn.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { ownVersion } from '../adapters/version.ts';
import { fail } from '../core/failures.ts';
import { Family } from './family.ts';
import type { Life } from './life.ts';
import { Lives } from './lives.ts';
import { KEEPER_PROTOCOL, type KeeperMethods, type LifeKey } from './protocol.ts';
import { type Handlers, KeeperServer } from './server.ts';
import type { Spawner } from './spawner.ts';
import type { SupervisorProcess } from './supervisor-process.ts';
import { Trees } from './tree.ts';

/** The parent of every instance, and the writer of their logs. Answers what is asked, tells what happens, decides nothing. */

/** How long what escaped may take to die at the very end. */
const LAST_KILL_MS = 2000;
/** A supervisor of an earlier keeper's days needs a moment to find its way here. */
const GOODBYE_GRACE_MS = 2000;

export interface KeeperOptions {
  /** Tells its ends to `onReaped`. */
  readonly spawner: Spawner;
  /** Tells its goodbye to `onGoodbye`. */
  readonly supervisor: SupervisorProcess;
  /** For keeper.log. */
  readonly report: (message: string) => void;
}

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #spawner: Spawner;
  readonly #supervisor: SupervisorProcess;
  readonly #lives: Lives;
  readonly #family: Family;
  readonly #trees: Trees;
  readonly #server: KeeperServer;
  #inherited: Readonly<Record<string, string>> = {};
  #ending = false;
  #deserted = false;

  constructor(folder: StateFolder, libc: Libc | null, options: KeeperOptions) {
    this.#options = options;
    this.#spawner = options.spawner;
    this.#supervisor = options.supervisor;
    this.#server = new KeeperServer(folder.keeperSocket, this.#handlers(), () => this.#supervisor.onHangUp());
    this.#lives = new Lives({
      folder,
      spawner: this.#spawner,
      libc: this.#spawner.kind === 'posix_spawn' ? libc : null,
      tell: this.#server.tell,
      isAlone: (life) => this.#family.isAlone(life),
      onEnd: () => {
        this.#trees.news();
        this.#endIfDeserted();
      },
      report: options.report,
    });
    const spared = () => this.#supervisor.pid;
    this.#family = new Family({ subreaper: this.#spawner.subreaper, roots: () => this.#lives.all(), spared });
    this.#trees = new Trees(this.#family, spared);
  }

  async start(): Promise<void> {
    await this.#lives.adopt();
    failpoint('keeper:adopted');
    await this.#server.listen();
    failpoint('keeper:listening');
    crypto(); // the supervisor is still loading itself, and the first spawn needs it
  }

  /** Nobody would miss this keeper. */
  isIdle(): boolean {
    return this.#lives.running().length === 0;
  }

  /** Ends this process. `forget`: the system is down, nothing of it is to be remembered. */
  end(forget: boolean): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#supervisor.stop();
    this.#lives.close(forget);
    failpoint('keeper:journal-removed');
    void this.#server.close().finally(() => endNow(0));
  }

  onReaped(batch: readonly Reaped[]): void {
    this.#family.invalidate();
    for (const child of batch) {
      try {
        if (!this.#lives.onReaped(child)) this.#supervisor.onReaped(child);
      } catch (error) {
        // One instance's trouble must not keep the others of the batch from being heard of.
        this.#options.report(
          `the end of process ${child.pid}: ${error instanceof Error ? error.stack : String(error)}`,
        );
      }
    }
    this.#trees.news();
    this.#endIfDeserted();
  }

  /** The supervisor ended in order: with the last life the keeper ends too, unless another one comes. */
  onGoodbye(): void {
    this.#deserted = true;
    this.#endIfDeserted();
  }

  /** No supervisor comes by itself any more: with the last life the keeper ends too. Whoever asks for one starts both anew. */
  onGaveUp(): void {
    this.#deserted = true;
    this.#endIfDeserted();
  }

  #endIfDeserted(): void {
    if (!this.#deserted || !this.isIdle()) return;
    setTimeout(() => {
      if (this.#deserted && this.isIdle() && !this.#supervisor.isPresent) this.end(false);
    }, GOODBYE_GRACE_MS);
  }

  #handlers(): Handlers {
    return {
      hello: ({ protocol, version, role, pid }, peer) => {
        if (role === 'supervisor') {
          if (protocol !== KEEPER_PROTOCOL) {
            fail(
              'version-mismatch',
              `the keeper speaks protocol ${KEEPER_PROTOCOL} (azora ${ownVersion()}), the supervisor ${protocol} (azora ${version})`,
              'azora down, then azora up: the organs have to be started anew',
            );
          }
          this.#server.welcomeSupervisor(peer());
          this.#inherited = {};
          this.#supervisor.onHello(pid);
          this.#deserted = false;
        }
        return {
          protocol: KEEPER_PROTOCOL,
          version: ownVersion(),
          pid: process.pid,
          machineBootId: this.#lives.machineBootId,
          spawner: this.#spawner.kind,
          subreaper: this.#spawner.subreaper,
          gaveUp: this.#supervisor.gaveUp,
        };
      },
      lives: async () => {
        // Spawns that a supervisor asked for before it died count too: the next one must not ask for them again.
        await this.#lives.settled();
        return [...this.#lives.all()].map((life) => life.toWire());
      },
      inherit: ({ env }) => {
        this.#inherited = env;
        return null;
      },
      spawn: (request) => {
        failpoint('keeper:spawn-heard');
        return this.#lives.spawn({ ...request, env: { ...this.#inherited, ...request.env } });
      },
      signal: (params) => this.#signal(params),
      tree: (key) => this.#with(key, (life) => this.#trees.list(life)),
      trees: ({ lives }) =>
        Promise.all(lives.map(async (key) => this.#with(key, (life) => this.#trees.glanceAt(life)))),
      killTree: (params) =>
        this.#with(params, (life) => {
          failpoint('keeper:killing');
          life.sent.add('SIGKILL');
          return this.#trees.kill(life, params.timeoutMs);
        }),
      stopTree: async ({ signals, timeoutMs, ...key }) => {
        for (const signal of signals) await this.#signal({ ...key, signal });
        return this.#with(key, (life) => this.#trees.gone(life, timeoutMs));
      },
      signalTree: (params) =>
        this.#with(params, (life) => {
          const signal = signalOf(params.signal);
          life.sent.add(signal);
          return this.#trees.signal(life, signal);
        }),
      awaitTreeGone: (params) => this.#with(params, (life) => this.#trees.gone(life, params.timeoutMs)),
      forget: ({ lives }) => {
        this.#lives.forget(lives, (life) => this.#trees.isEmpty(life));
        failpoint('keeper:forgotten');
        return null;
      },
      ensureSupervisor: () => this.#supervisor.ensure(),
      successor: ({ command }) => {
        this.#supervisor.command = command;
        return null;
      },
      shutdown: () => this.#shutdown(),
    };
  }

  async #signal(params: KeeperMethods['signal']['params']): Promise<boolean> {
    const sent = await this.#send(params);
    failpoint('keeper:signalled');
    return sent;
  }

  async #send(params: KeeperMethods['signal']['params']): Promise<boolean> {
    const life = this.#lives.get(params);
    if (!life) return false;
    const signal = signalOf(params.signal);
    life.sent.add(signal);
    const leader = { pid: life.pid, startTime: life.startTime, group: life.pid };
    // What posix_spawn made is reaped by us, and known to have ended in that very moment.
    const isOurs = life.ownChild && this.#spawner.kind === 'posix_spawn';
    if (!life.ended) return this.#trees.send(leader, signal, { group: !params.leaderOnly, isOurs });
    if (params.leaderOnly) return false;
    // The number of a group without its leader may be somebody else's any time: one by one, each verified.
    const members = (await this.#family.membersOf(life)).filter(({ group }) => group === life.pid);
    return members.map((member) => this.#trees.send(member, signal)).includes(true);
  }

  /** A forgotten life has no tree: nothing is left of it, or it would not have been forgotten. */
  #with<T>(key: LifeKey, act: (life: Life) => Promise<readonly T[]>): readonly T[] | Promise<readonly T[]> {
    const life = this.#lives.get(key);
    return life ? act(life) : [];
  }

  async #shutdown(): Promise<null> {
    failpoint('keeper:shutdown-heard');
    const running = this.#lives.running();
    if (running.length > 0) {
      fail('stop-incomplete', `the keeper does not end: ${running.map(({ title }) => title).join(', ')} still running`);
    }
    await this.#killStrays();
    failpoint('keeper:strays-killed');
    setImmediate(() => this.end(true)); // after the answer
    return null;
  }

  /** What is left of ended lives, and what came to us from nowhere we remember: nothing may outlive the system. */
  async #killStrays(): Promise<void> {
    const deadline = monotonic() + LAST_KILL_MS;
    await Promise.all([...this.#lives.all()].map((life) => this.#trees.kill(life, LAST_KILL_MS)));
    for (;;) {
      const strangers = this.#family.strangers();
      if (strangers.length === 0 || monotonic() > deadline) return;
      this.#trees.killAll(strangers, null);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function signalOf(name: string): NodeJS.Signals {
  if (!Object.hasOwn(constants.signals, name)) fail('usage', `unknown signal ${name}`);
  return name as NodeJS.Signals;
}
