import { monotonic } from '../adapters/clock.ts';
import { failpoint } from '../adapters/failpoint.ts';
import type { OrganConfig } from '../core/config/model.ts';
import { FailureError } from '../core/failures.ts';
import type { KeeperNotices, LifeKey, ProcessInfo, SpawnRequest, SpawnResult } from '../keeper/protocol.ts';
import { ignoreLostKeeper, type KeeperChannel } from './keeper-link.ts';

/**
 * Begins and ends process lives, through the keeper. It is waited for without a limit: while it is paused nothing can be done, its
 * death is noticed, and an answer that comes late is true all the same.
 */

/** How long SIGKILL is tried before what is left is called stuck. */
const KILL_TIMEOUT_MS = 5_000;
/** A tree that is not empty this long after its leader's exit has members that did not get the signal. */
const STRAGGLERS_AFTER_MS = 50;

type Command = (organ: OrganConfig, instance: string, generation: number) => Promise<void>;
/** Carries out an organ's `pre_stop`, for no longer than that and until aborted. */
type PreStop = (organ: OrganConfig, instance: string, timeoutMs: number, signal: AbortSignal) => Promise<void>;

export class Lives {
  readonly #keeper: () => KeeperChannel;
  /** What each keeper has been told that instances inherit. */
  readonly #inherited = new WeakMap<KeeperChannel, SpawnRequest['env']>();
  readonly #runStopCommand: Command;
  readonly #runPreStop: PreStop;
  /** Lives whose `pre_stop` runs. */
  readonly #preStops = new Map<string, AbortController>();
  /** The latest life of each instance that ended with nobody else in its tree: there is nothing to kill. */
  readonly #goneAlone = new Map<string, number>();
  /** Lives that were asked to end, and what to do when their leader has. */
  readonly #ending = new Map<string, () => void>();

  /**
   * @param keeper the present connection
   * @param runStopCommand carries out an organ's `stop.command` in its environment
   * @param runPreStop carries out an organ's `pre_stop`
   */
  constructor(keeper: () => KeeperChannel, runStopCommand: Command, runPreStop: PreStop) {
    this.#keeper = keeper;
    this.#runStopCommand = runStopCommand;
    this.#runPreStop = runPreStop;
  }

  /**
   * null: the keeper is gone. Whether it was spawned is found out from the next one.
   * @param inherited what its environment goes over; the keeper is told once
   */
  async spawn(request: SpawnRequest, inherited: SpawnRequest['env']): Promise<SpawnResult | null> {
    try {
      const keeper = this.#keeper();
      if (this.#inherited.get(keeper) !== inherited) {
        this.#inherited.set(keeper, inherited);
        keeper.request('inherit', { env: inherited }, null).catch(ignoreLostKeeper);
      }
      const answer = keeper.request('spawn', request, null);
      setImmediate(() => failpoint('supervisor:spawn-asked'));
      // However long it takes: an answer that comes late is one all the same, and a broken connection is noticed.
      return await answer;
    } catch (error) {
      if (error instanceof FailureError && error.failure.kind === 'unreachable') return null;
      throw error;
    }
  }

  /** SIGKILLs whatever there is of a life; answers who is left. */
  async kill(key: LifeKey): Promise<readonly ProcessInfo[]> {
    this.#preStops.get(keyOf(key))?.abort('aborted: it is killed');
    failpoint('supervisor:before-kill');
    if (this.#goneAlone.get(key.instance) === key.generation) return [];
    return this.#keeper().request('killTree', { ...key, timeoutMs: KILL_TIMEOUT_MS }, null);
  }

  /**
   * Ends a life as its organ wants: `pre_stop` (for `timeoutMs` at most), then `stop.command`, or the signal to its whole
   * group (and SIGCONT, for one that is stopped cannot hear it), then up to `timeoutMs` for the whole tree to go, then
   * SIGKILL. Answers who is left.
   */
  async stop(organ: OrganConfig, key: LifeKey, timeoutMs: number): Promise<readonly ProcessInfo[]> {
    await this.#preStop(organ, key, timeoutMs);
    failpoint('supervisor:before-stop');
    const keeper = this.#keeper();
    const { signal, command } = organ.stop;
    const name = keyOf(key);
    this.#ending.set(name, () => {
      // Who has left the group (setsid, a double fork) has not been told yet.
      setTimeout(() => {
        if (this.#ending.has(name)) keeper.request('signalTree', { ...key, signal }).catch(ignoreLostKeeper);
      }, STRAGGLERS_AFTER_MS).unref();
    });
    try {
      const left = command
        ? await this.#commandToEnd(organ, key, timeoutMs)
        : await this.#signalToEnd(key, timeoutMs, signal);
      return left.length === 0 ? left : await this.kill(key);
    } finally {
      this.#ending.delete(name);
    }
  }

  async #commandToEnd(organ: OrganConfig, key: LifeKey, timeoutMs: number): Promise<readonly ProcessInfo[]> {
    const deadline = monotonic() + timeoutMs;
    await this.#runStopCommand(organ, key.instance, key.generation);
    failpoint('supervisor:stop-signalled');
    const remaining = Math.max(0, Math.round(deadline - monotonic()));
    return this.#keeper().request('awaitTreeGone', { ...key, timeoutMs: remaining }, null);
  }

  #signalToEnd(key: LifeKey, timeoutMs: number, signal: string): Promise<readonly ProcessInfo[]> {
    const signals = signal === 'SIGKILL' ? [signal] : [signal, 'SIGCONT'];
    const gone = this.#keeper().request('stopTree', { ...key, signals, timeoutMs }, null);
    setImmediate(() => failpoint('supervisor:stop-signalled'));
    return gone;
  }

  async #preStop(organ: OrganConfig, key: LifeKey, timeoutMs: number): Promise<void> {
    if (!organ.hooks.preStop) return;
    const abort = new AbortController();
    this.#preStops.set(keyOf(key), abort);
    try {
      await this.#runPreStop(organ, key.instance, timeoutMs, abort.signal);
    } finally {
      this.#preStops.delete(keyOf(key));
    }
  }

  /** To be told of every exit. */
  onExited(exit: KeeperNotices['exited']): void {
    if (exit.alone) this.#goneAlone.set(exit.instance, exit.generation);
    this.#preStops.get(keyOf(exit))?.abort('aborted: the organ has ended by itself');
    this.#ending.get(keyOf(exit))?.();
  }
}

const keyOf = ({ instance, generation }: LifeKey): string => `${instance}#${generation}`;
