import { monotonic } from '../adapters/clock.ts';
import { lockHolder } from '../adapters/lock.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { lifeOf, startTimeOf } from '../keeper/identity.ts';
import type { Identity } from '../keeper/protocol.ts';
import type { Connection } from './connection.ts';
import { connectKeeper, type KeeperConnection } from './daemons.ts';

/** After the last answer the supervisor and the keeper end by themselves: whoever says "down" has seen them go. */

const DAEMONS_END_MS = 5_000;
const LOOK_AGAIN_MS = 2;

export class Departure {
  readonly #folder: StateFolder;
  readonly #keeper: KeeperConnection | null;
  readonly #daemons: Identity[] = [];

  private constructor(folder: StateFolder, keeper: KeeperConnection | null) {
    this.#folder = folder;
    this.#keeper = keeper;
    if (keeper) this.#note(keeper.pid);
  }

  /** To be asked for before the system is told to go. */
  static async of(folder: StateFolder, version: string): Promise<Departure> {
    return new Departure(folder, await connectKeeper(folder, version));
  }

  /** Waits for this supervisor too. */
  expect({ hello }: Connection): void {
    this.#note(hello.pid);
  }

  /** Resolves when both processes are gone, after 5 s at most each. `supervisor`: the one that has answered that all is down. */
  async over(supervisor: Connection | null): Promise<void> {
    // Those that came after others had died and were never talked to: they still hold their locks.
    for (const lock of [this.#folder.supervisorLock, this.#folder.keeperLock]) {
      const holder = lockHolder(lock);
      if (holder !== null) this.#note(holder);
    }
    await within(Promise.all([supervisor?.closed, supervisor && this.#keeper?.closed]));
    // A supervisor that was killed at the very end left the keeper without anybody who would end it.
    await this.#keeper?.channel.request('shutdown', null).catch(() => {});
    await within(this.#keeper?.closed ?? Promise.resolve());
    this.cancel();
    // A process closes its sockets a moment before it is gone, and nobody but its parent is told of that: so, looking.
    const deadline = monotonic() + DAEMONS_END_MS;
    while (this.#daemons.some((daemon) => lifeOf(daemon) === 'alive') && monotonic() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  /** Lets go of the keeper; of a departure that did not come about, too. */
  cancel(): void {
    this.#keeper?.channel.destroy();
  }

  #note(pid: number): void {
    const startTime = startTimeOf(pid);
    if (startTime !== null) this.#daemons.push({ pid, startTime });
  }
}

async function within(done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([done, new Promise((resolve) => (timer = setTimeout(resolve, DAEMONS_END_MS)))]);
  clearTimeout(timer);
}
