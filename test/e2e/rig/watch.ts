import type { StateFolder } from '../../../src/adapters/state-folder.ts';
import { connectSupervisor } from '../../../src/cli/connect.ts';
import type { Connection } from '../../../src/cli/connection.ts';
import type { SystemEvent } from '../../../src/core/events.ts';
import type { StatusDocument } from '../../../src/core/status.ts';

/** While no supervisor is there, it is looked for again after this time. */
const LOOK_AGAIN_MS = 50;
/** Not every change has an event (a process's memory, say), so status is asked for at least this often while someone waits. */
const ASK_AGAIN_MS = 250;

/** Listens to one system's supervisor, whichever it is at the moment, and keeps every event. */
export class Watch {
  readonly events: SystemEvent[] = [];
  readonly #folder: StateFolder;
  readonly #version: string;
  readonly #listeners = new Set<() => void>();
  #connection: Connection | null = null;
  #closed = false;

  constructor(folder: StateFolder, version: string) {
    this.#folder = folder;
    this.#version = version;
    void this.#follow();
  }

  /** The first document, from now on, of which `holds` is true. Rejects never; ends with the watch. */
  async until(holds: (status: StatusDocument) => boolean, onLook: (status: StatusDocument) => void, stop: AbortSignal) {
    while (!stop.aborted && !this.#closed) {
      const status = await this.#status();
      if (status) onLook(status);
      if (status && holds(status)) return status;
      await this.#change(ASK_AGAIN_MS, stop);
    }
    return null;
  }

  /** The first event, those of the past included, of which `holds` is true. */
  async event(holds: (event: SystemEvent) => boolean, stop: AbortSignal): Promise<SystemEvent | null> {
    for (let seen = 0; !stop.aborted && !this.#closed; ) {
      for (; seen < this.events.length; seen++) {
        if (holds(this.events[seen]!)) return this.events[seen]!;
      }
      await this.#change(ASK_AGAIN_MS, stop);
    }
    return null;
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
    this.#tell();
  }

  async #follow(): Promise<void> {
    while (!this.#closed) {
      const connection = await connectSupervisor(this.#folder, this.#version).catch(() => null);
      if (!connection) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
        continue;
      }
      connection.onEvent((event) => {
        this.events.push(event);
        this.#tell();
      });
      const since = this.events.at(-1)?.id ?? 0;
      // It may end at any moment: then it is looked for anew, and the events go on where they broke off.
      await connection.request('subscribe', { since, types: null }).catch(() => null);
      this.#connection = connection;
      if (this.#closed) connection.close();
      this.#tell();
      await connection.closed;
      this.#connection = null;
    }
  }

  async #status(): Promise<StatusDocument | null> {
    return (await this.#connection?.request('status', null, 5_000).catch(() => null)) ?? null;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #change(atMostMs: number, stop: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        stop.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, atMostMs);
      this.#listeners.add(done);
      stop.addEventListener('abort', done);
    });
  }
}
