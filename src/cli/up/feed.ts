import type { StateFolder } from '../../adapters/state-folder.ts';
import type { SystemEvent } from '../../core/events.ts';
import { FailureError } from '../../core/failures.ts';
import type { CommandContext } from '../command.ts';
import type { Connection } from '../connection.ts';
import { findSupervisor } from '../daemons.ts';

/** Why no more events will come. */
export type FeedEnd = 'down' | 'emergency' | 'lost';

export const takenOver = (pid: number, successor: number): string =>
  `the supervisor (pid ${pid}) ended; organs run on, and pid ${successor} has taken over`;

/** The events of one boot, across changes of supervisor. */
export class Feed {
  /** Resolves when the system has ended, whoever ended it; rejects when its next supervisor cannot be had. */
  readonly ended: Promise<FeedEnd>;
  readonly #context: CommandContext;
  readonly #folder: StateFolder;
  readonly #bootId: string;
  readonly #listener: (event: SystemEvent) => void;
  #current: Connection;
  #lastId: number;
  #end: FeedEnd | null = null;
  #left = false;

  constructor(
    source: {
      context: CommandContext;
      folder: StateFolder;
      connection: Connection;
      bootId: string;
      since: number;
      /** What ended it before this was there. */
      ends: readonly SystemEvent[];
    },
    listener: (event: SystemEvent) => void,
  ) {
    this.#context = source.context;
    this.#folder = source.folder;
    this.#bootId = source.bootId;
    this.#current = source.connection;
    this.#lastId = source.since;
    this.#listener = listener;
    for (const event of source.ends) this.#noteEnd(event);
    this.ended = this.#follow();
  }

  /** To the supervisor of the moment. */
  get connection(): Connection {
    return this.#current;
  }

  /** Hears nothing more, and leaves the system as it is. */
  leave(): void {
    this.#left = true;
    this.#current.close();
  }

  async #follow(): Promise<FeedEnd> {
    for (;;) {
      await this.#listen();
      const { pid } = this.#current.hello;
      await this.#current.closed;
      if (this.#left) return new Promise(() => {}); // Nobody asks any more.
      if (this.#end === 'down') return this.#end;
      const next = await findSupervisor(this.#folder, this.#context.version);
      if (!next) return this.#end ?? 'lost';
      if (next.hello.bootId !== this.#bootId) return this.#end ?? 'down'; // stopped, and booted again by someone else
      this.#say(takenOver(pid, next.hello.pid));
      this.#current = next;
    }
  }

  async #listen(): Promise<void> {
    this.#current.onEvent((event) => {
      if (event.bootId !== this.#bootId || event.id <= this.#lastId || this.#left) return;
      this.#lastId = event.id;
      this.#noteEnd(event);
      this.#listener(event);
    });
    await this.#current.request('subscribe', { since: this.#lastId, types: null }).catch((error) => {
      // It ended in between, which `closed` tells.
      if (!(error instanceof FailureError) || error.failure.kind !== 'unreachable') throw error;
    });
  }

  #noteEnd({ bootId, type }: SystemEvent): void {
    if (bootId !== this.#bootId) return;
    if (type === 'system-stopped') this.#end ??= 'down';
    if (type === 'emergency-shutdown') this.#end = 'emergency';
  }

  #say(text: string): void {
    const { stderr, global } = this.#context;
    if (global.progress !== 'json') stderr.write(`${stderr.style.yellow('azora:')} ${text}\n`);
  }
}
