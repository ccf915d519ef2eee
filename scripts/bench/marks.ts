import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The file in which each organ says, from inside itself, when it began to run: the same for everything that starts organs. */

export interface Mark {
  readonly pid: number;
  /** Epoch ms, with its fractions. */
  readonly at: number;
}

const PATIENCE_MS = 120_000;

/** Epoch ms with fractions, on the clock of the marks. */
export const now = (): number => performance.timeOrigin + performance.now();

export class Marks {
  readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'marks');
    this.forget();
  }

  /** For the next boot of the same organs. */
  forget(): void {
    rmSync(this.path, { force: true });
  }

  read(): Mark[] {
    try {
      const lines = readFileSync(this.path, 'latin1').split('\n').slice(0, -1);
      return lines.map((line) => {
        const [pid, nanoseconds] = line.split(' ');
        return { pid: Number(pid), at: Number(nanoseconds) / 1e6 };
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // nobody has run yet
      throw error;
    }
  }

  /** Resolves with all marks once there are `count`. How often it looks changes no figure: the marks carry their times. */
  async atLeast(count: number): Promise<Mark[]> {
    for (const deadline = now() + PATIENCE_MS; ; await delay(2)) {
      const marks = this.read();
      if (marks.length >= count) return marks;
      if (now() > deadline) throw new Error(`${marks.length} of ${count} ran within ${PATIENCE_MS / 1000} s`);
    }
  }
}
