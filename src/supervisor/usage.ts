import { familyLoad } from '../adapters/process-stats.ts';

/** How much processor and memory instances use, each with its descendants, measured from one look to the next. */

interface Look {
  readonly pid: number;
  readonly cpuMs: number;
  readonly at: number;
  readonly percent: number | null;
  readonly rssBytes: number;
}

/** Two looks closer together than this say nothing about a percentage: ticks are 10 ms. So the machine is not asked again. */
const SHORTEST_MS = 500;

export interface Used {
  /** Of one processor. */
  readonly cpuPercent: number | null;
  readonly rssBytes: number | null;
}

const UNKNOWN: Used = { cpuPercent: null, rssBytes: null };

export class Usage {
  readonly #looks = new Map<string, Look>();

  /** What was seen last, without asking the machine. */
  known(instance: string, pid: number): Used {
    const latest = this.#looks.get(instance);
    return latest?.pid === pid ? { cpuPercent: latest.percent, rssBytes: latest.rssBytes } : UNKNOWN;
  }

  /**
   * @param startedAt monotonic ms; the first look is measured from there
   * @param at monotonic ms
   */
  of(instance: string, pid: number, startedAt: number, at: number): Used {
    const latest = this.#looks.get(instance);
    if (latest?.pid === pid && at - latest.at < SHORTEST_MS) {
      return { cpuPercent: latest.percent, rssBytes: latest.rssBytes };
    }
    const load = familyLoad(pid);
    if (!load) return UNKNOWN;
    const from = latest?.pid === pid ? latest : { cpuMs: 0, at: startedAt };
    const elapsed = at - from.at;
    if (elapsed < SHORTEST_MS) return { cpuPercent: null, rssBytes: load.memoryBytes }; // it has just begun
    const percent = Math.round((1000 * Math.max(0, load.cpuMs - from.cpuMs)) / elapsed) / 10;
    this.#looks.set(instance, { pid, cpuMs: load.cpuMs, at, percent, rssBytes: load.memoryBytes });
    return { cpuPercent: percent, rssBytes: load.memoryBytes };
  }
}
