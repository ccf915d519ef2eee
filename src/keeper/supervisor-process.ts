import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { monotonic } from '../adapters/clock.ts';
import type { Reaped } from '../adapters/posix-spawn.ts';
import { daemonEnvironment, openDaemonLog, selfCommand, whileItLasts } from '../adapters/self.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { fail } from '../core/failures.ts';
import { explainErrno } from './command.ts';
import { startTimeIfKnown } from './identity.ts';
import { type Identity, RETIRED } from './protocol.ts';
import type { Spawner } from './spawner.ts';

/** Keeps a supervisor running. Exit code 0 is its goodbye; any other end is a death, and a new one is started. */

/** Pause before the n-th start in a row of deaths. */
const backoffMs = (deaths: number): number => Math.min(100 * 2 ** (deaths - 1), 5000);
const WINDOW_MS = 60_000;
const MAX_DEATHS = 5;
/** A supervisor that says nothing for so long after its start is not coming. */
const HELLO_MS = 15_000;

export interface SupervisorPorts {
  readonly folder: StateFolder;
  readonly spawner: Spawner;
  readonly report: (message: string) => void;
  /** It ended in order, and none is connected. */
  readonly onGoodbye: () => void;
  /** false: never starts one (tests bring their own). */
  readonly starts: boolean;
  /** None can be started any more unless somebody asks for one. */
  readonly onGaveUp: () => void;
  /** SIGKILLs that very process. */
  readonly kill: (who: Identity) => void;
}

interface Waiter {
  readonly resolve: (supervisor: { pid: number }) => void;
  readonly reject: (error: unknown) => void;
}

export class SupervisorProcess {
  readonly #ports: SupervisorPorts;
  /** Our own child, while it lives. */
  #child: number | null = null;
  /** When that began, by the kernel; null: it was gone at once, or the machine does not say. */
  #childBegan: string | null = null;
  /** Whoever said hello last as the supervisor, and has not hung up. */
  #connected: number | null = null;
  #deaths: number[] = [];
  #retry: NodeJS.Timeout | null = null;
  #waiters: Waiter[] = [];
  #stopped = false;
  #gaveUp: string | null = null;
  /** How supervisors are started. */
  command: readonly [string, ...string[]];

  constructor(ports: SupervisorPorts) {
    this.#ports = ports;
    this.command = selfCommand(['__supervisor', '--state-dir', ports.folder.root]);
  }

  /** Why none is started any more unless somebody asks for one; null = the next death is followed by a start. */
  get gaveUp(): string | null {
    return this.#gaveUp;
  }

  /** The pid that must never be signalled. */
  get pid(): number | null {
    return this.#child ?? (this.#connected || null);
  }

  get isPresent(): boolean {
    return this.#child !== null || this.#connected !== null;
  }

  async start(): Promise<void> {
    if (!this.#ports.starts || this.#child !== null || this.#connected !== null) return;
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = null;
    const { folder, spawner, report } = this.#ports;
    // It may come up when this keeper has died already: it has to know whose child it was.
    const argv = whileItLasts([...this.command, '--keeper', String(process.pid)]);
    const nothing = openSync('/dev/null', 'r+');
    const log = openDaemonLog(join(folder.run, 'supervisor.log'));
    try {
      const outcome = await spawner.spawn({
        file: argv[0],
        argv,
        cwd: '/',
        env: daemonEnvironment(),
        stdout: nothing,
        stderr: log,
        extra: null,
        onMessage: null,
        mark: null,
      });
      if (outcome.pid !== null) {
        this.#child = outcome.pid;
        this.#childBegan = outcome.startTime;
        return;
      }
      const { message } = explainErrno(outcome.code, argv[0], 0);
      report(`cannot start a supervisor: ${message}`);
      this.#onDeath(message);
    } finally {
      closeSync(nothing);
      closeSync(log);
    }
  }

  /** A child of this process that somebody else has started. If it has ended already, `onReaped` follows. */
  adopt(pid: number): void {
    this.#child = pid;
    this.#childBegan = startTimeIfKnown(pid);
  }

  /** A child was reaped. false: it is not the supervisor. */
  onReaped({ pid, code, signal }: Reaped): boolean {
    if (pid !== this.#child) return false;
    this.#child = null;
    if (this.#connected === pid) this.#connected = null; // its hanging up may be heard later
    if (code === 0) {
      if (this.#connected === null) this.#ports.onGoodbye();
    } else if (code === RETIRED) {
      this.start().catch((error) => this.#ports.report(`cannot start a supervisor: ${String(error)}`));
    } else {
      this.#onDeath(signal ? `it was killed by ${signal}` : `it exited with ${code}`);
    }
    return true;
  }

  /** A supervisor said hello. One that is not our child comes from another keeper's days; its pid may be unknown. */
  onHello(pid: number | undefined): void {
    this.#connected = pid ?? this.#child ?? 0;
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = null;
    this.#gaveUp = null;
    for (const { resolve } of this.#waiters.splice(0)) resolve({ pid: this.#connected });
  }

  onHangUp(): void {
    const ours = this.#connected === this.#child;
    this.#connected = null;
    // One that is not our child cannot be seen to die: its silence is all there is.
    if (!ours && this.#child === null && !this.#stopped) this.#onDeath('it closed its connection');
  }

  /** Resolves once a supervisor has said hello; rejects with why there is none. */
  ensure(): Promise<{ pid: number }> {
    if (this.#connected !== null) return Promise.resolve({ pid: this.#connected });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp('it did not report within 15 s'), HELLO_MS);
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          then(value);
        };
      this.#waiters.push({ resolve: settle(resolve), reject: settle(reject) });
      if (this.#child !== null) return;
      this.#deaths = [];
      if (this.#ports.starts) this.start().catch(reject);
      else this.#giveUp('this keeper was told to start none');
    });
  }

  stop(): void {
    this.#stopped = true;
    // One that waits for the other's lock, or for us, has nothing to come to.
    if (this.#child !== null && this.#childBegan !== null && this.#connected !== this.#child) {
      this.#ports.kill({ pid: this.#child, startTime: this.#childBegan });
    }
    if (this.#retry) clearTimeout(this.#retry);
  }

  #onDeath(why: string): void {
    const now = monotonic();
    this.#deaths = [...this.#deaths.filter((at) => now - at < WINDOW_MS), now];
    this.#ports.report(`the supervisor is gone: ${why}`);
    if (!this.#ports.starts) return;
    if (this.#deaths.length >= MAX_DEATHS) {
      this.#ports.report(`${MAX_DEATHS} supervisors died within a minute: none is started until one is asked for`);
      this.#gaveUp = `${MAX_DEATHS} died within a minute, the last: ${why}`;
      this.#giveUp(this.#gaveUp);
      this.#ports.onGaveUp();
      return;
    }
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.start().catch((error) => this.#ports.report(`cannot start a supervisor: ${String(error)}`));
    }, backoffMs(this.#deaths.length));
  }

  #giveUp(why: string): void {
    const log = join(this.#ports.folder.run, 'supervisor.log');
    for (const { reject } of this.#waiters.splice(0)) {
      try {
        fail('unreachable', `no supervisor could be started: ${why}`, `See ${log}`);
      } catch (error) {
        reject(error);
      }
    }
  }
}
