import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { monotonic } from '../adapters/clock.ts';
import { Channel } from '../adapters/socket/channel.ts';
import type { KeeperMethods, KeeperNotices } from './protocol.ts';

/** The keeper's end of `run/keeper.sock`: who is connected, and which of them is the supervisor. */

/** How long a peer may take to hang up. */
const FAREWELL_MS = 100;

type NoMethods = Record<never, never>;
export type Peer = Channel<KeeperMethods, NoMethods, NoMethods, KeeperNotices>;
export type Handlers = {
  readonly [K in keyof KeeperMethods]: (
    params: KeeperMethods[K]['params'],
    peer: () => Peer,
  ) => KeeperMethods[K]['result'] | Promise<KeeperMethods[K]['result']>;
};

export class KeeperServer {
  readonly #path: string;
  readonly #handlers: Handlers;
  readonly #onSupervisorGone: () => void;
  readonly #peers = new Set<Peer>();
  readonly #server: Server;
  #supervisor: Peer | null = null;
  #closing = false;

  constructor(path: string, handlers: Handlers, onSupervisorGone: () => void) {
    this.#path = path;
    this.#handlers = handlers;
    this.#onSupervisorGone = onSupervisorGone;
    this.#server = createServer((socket) => this.#onConnection(socket));
  }

  /** Only for the holder of the keeper's lock: whatever is at the path is nobody's. */
  listen(): Promise<void> {
    rmSync(this.#path, { force: true });
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const before = process.umask(0o077); // organs inherit the user's own: it is put back at once
      this.#server.listen(this.#path, () => {
        chmodSync(this.#path, 0o600);
        resolve();
      });
      process.umask(before);
    });
  }

  /** Tells the supervisor, if there is one. What it misses it learns from `lives`. */
  readonly tell = <K extends keyof KeeperNotices>(notice: K, params: KeeperNotices[K]): void => {
    this.#supervisor?.notify(notice, params);
  };

  /** The newest supervisor takes the place of the one before. */
  welcomeSupervisor(peer: Peer): void {
    const before = this.#supervisor;
    this.#supervisor = peer;
    // What the one before asked for and was not read yet must not be done behind the back of this one.
    if (before && before !== peer) before.destroy();
  }

  /** Ends all conversations after what was said. The socket goes last: its absence says that the keeper is gone. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const peer of this.#peers) peer.close();
    for (const end = monotonic() + FAREWELL_MS; this.#peers.size > 0 && monotonic() < end; ) {
      await new Promise((turn) => setImmediate(turn));
    }
    this.#server.close();
    rmSync(this.#path, { force: true });
  }

  #onConnection(socket: Socket): void {
    if (this.#closing) {
      socket.destroy();
      return;
    }
    const methods = Object.fromEntries(
      Object.entries(this.#handlers).map(([name, handler]) => [
        name,
        (params: never) => (handler as (params: never, peer: () => Peer) => unknown)(params, () => peer),
      ]),
    ) as ConstructorParameters<typeof Channel<KeeperMethods, NoMethods, NoMethods, KeeperNotices>>[1]['methods'];
    const peer: Peer = new Channel(socket, {
      methods,
      notices: {},
      onClose: () => {
        this.#peers.delete(peer);
        if (this.#supervisor !== peer) return;
        this.#supervisor = null;
        this.#onSupervisorGone();
      },
    });
    this.#peers.add(peer);
  }
}
