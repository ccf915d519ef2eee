import { failpoint } from '../adapters/failpoint.ts';
import { startDaemon } from '../adapters/self.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { FailureError, fail } from '../core/failures.ts';
import { KEEPER_PROTOCOL, type KeeperInfo, type KeeperNotices, type Life } from '../keeper/protocol.ts';
import { type KeeperChannel, type KeeperLink, linkKeeper } from './keeper-link.ts';
import { isOrphan } from './orphan.ts';

/** The supervisor's bond with its keeper, over the deaths of keepers: organs live on, and a new keeper adopts them. */

/** A keeper that has just been started takes a moment to listen. */
const RETRY_MS = 25;
const ATTEMPTS = 5;
/** It answers within a millisecond. */
const ANSWER_MS = 5_000;

export interface BondPorts {
  readonly folder: StateFolder;
  readonly version: string;
  readonly listeners: { readonly [K in keyof KeeperNotices]: (notice: KeeperNotices[K]) => void };
  /** The keeper is gone. false: there is nothing to go on with, start no other. */
  readonly onLost: () => boolean;
  /** Another keeper has taken its place; what it knows has to be reconciled before anything is asked of it. */
  readonly onReplaced: (info: KeeperInfo) => void;
}

export class KeeperBond {
  readonly #ports: BondPorts;
  #link: Promise<KeeperLink> | null = null;
  #present: KeeperLink | null = null;
  #isOpen = false;

  constructor(ports: BondPorts) {
    this.#ports = ports;
  }

  /** Of the present keeper; null while there is none. */
  get info(): KeeperInfo | null {
    return this.#present?.info ?? null;
  }

  /** What the keeper knows and what is known here have been brought together: it may be asked for things, and is listened to. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    this.#isOpen = true;
  }

  /** To ask the keeper by. Throws `unreachable` while it is being replaced. */
  get channel(): KeeperChannel {
    return this.#isOpen && this.#present
      ? this.#present.channel
      : fail('unreachable', 'the keeper is being replaced at the moment');
  }

  /** @throws FailureError `version-mismatch`, or the system's error when none listens */
  async connect(): Promise<KeeperInfo> {
    // The keeper that started this process may die before it listens: what it would have adopted, another one adopts.
    this.#link = this.#connect(() => !isOrphan()).catch((error) =>
      isOrphan() ? this.#replace() : Promise.reject(error),
    );
    return (await this.#link).info;
  }

  /** Every life that there is to know of, from whichever keeper lives to tell. */
  async lives(): Promise<readonly Life[]> {
    for (;;) {
      const link = await this.#link!;
      try {
        return await link.channel.request('lives', null, null);
      } catch (error) {
        // It died in between: by now its successor is on its way.
        if (!(error instanceof FailureError) || error.failure.kind !== 'unreachable') throw error;
      }
    }
  }

  /** What is wrong with the keeper; null: it has just answered. */
  async trouble(): Promise<string | null> {
    if (!this.#present) return 'the keeper is gone';
    const { info, channel } = this.#present;
    const { version } = this.#ports;
    try {
      await channel.request('hello', { protocol: KEEPER_PROTOCOL, version, role: 'client' }, ANSWER_MS);
      return null;
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      if (error.failure.kind !== 'timed-out') return 'the keeper is gone';
      return `the keeper (pid ${info.pid}) has not answered for ${ANSWER_MS / 1000} s: it is paused or stuck. If it is paused: kill -CONT ${info.pid}`;
    }
  }

  /** The system is down: ends the keeper too. */
  async shutdown(): Promise<void> {
    await this.#present?.channel.request('shutdown', null).catch(() => {
      // It ends by itself as soon as this supervisor has.
    });
  }

  async #connect(mayCome = () => true): Promise<KeeperLink> {
    const { folder, version, listeners } = this.#ports;
    let link: KeeperLink | null = null;
    const onLost = () => {
      if (link !== null && this.#present === link) this.#onLost();
    };
    link = await linkKeeper(folder.keeperSocket, version, listeners, onLost, mayCome);
    if (link.channel.closed) fail('unreachable', `the keeper (pid ${link.info.pid}) ended at once`);
    this.#present = link;
    return link;
  }

  #onLost(): void {
    this.#present = null;
    this.#isOpen = false;
    if (!this.#ports.onLost()) return;
    this.#link = this.#replace();
    this.#link.then(({ info }) => this.#ports.onReplaced(info));
  }

  async #replace(): Promise<KeeperLink> {
    failpoint('supervisor:keeper-lost');
    await startDaemon(['__keeper', '--state-dir', this.#ports.folder.root, '--no-supervisor'], {
      log: `${this.#ports.folder.run}/keeper.log`,
    });
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#connect();
      } catch (cause) {
        // A supervisor without a keeper is of no use: the next one tries anew.
        if (attempt === ATTEMPTS) throw new Error('the keeper is gone and no new one answers', { cause });
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
