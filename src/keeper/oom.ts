import { readFileSync } from 'node:fs';

/** Whether the kernel's out-of-memory killer was at work lately. It counts its victims, not who they were. */

/** How old its last look may be for a SIGKILL to be put down to what was counted since. */
const LOOK_MS = 10_000;

export class OomWatch {
  readonly #path: string;
  #count: number | null;
  readonly #timer: NodeJS.Timeout;

  /** @param path of the kernel's counters */
  constructor(path = '/proc/vmstat') {
    this.#path = path;
    this.#count = victims(path);
    this.#timer = setInterval(() => {
      this.#count = victims(path);
    }, LOOK_MS).unref();
  }

  /** Has there been a victim since the last look? Asked when a process was killed that nobody of us killed. */
  struck(): boolean {
    const count = victims(this.#path);
    const struck = count !== null && this.#count !== null && count > this.#count;
    this.#count = count;
    return struck;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** null where the machine does not say (no /proc, a kernel before 4.13). */
function victims(path: string): number | null {
  try {
    const count = /^oom_kill (\d+)$/m.exec(readFileSync(path, 'latin1'))?.[1];
    return count === undefined ? null : Number(count);
  } catch {
    return null;
  }
}
