import { processStats } from '../adapters/process-stats.ts';

/** How much processor and memory instances use, measured from one look to the next. */

interface Look {
  readonly pid: number;
  readonly cpuMs: number;
  readonly at: number;
  readonly percent: number | null;
}

/** Two looks closer together than this say nothing about a percentage: ticks are 10 ms. */
const SHORTEST_MS = 500;

export class Usage {
  readonly #looks = new Map<string, Look>();

  /**
   * @param startedAt monotonic ms; the first look is measured from there
   * @param at monotonic ms
   */
  of(
    instance: string,
    pid: number,
    startedAt: number,
    at: number,
  ): { cpuPercent: number | null; rssBytes: number | null } {
    const stats = processStats(pid);
    if (!stats) return { cpuPercent: null, rssBytes: null };
    const before = this.#looks.get(instance);
    const from = before?.pid === pid ? before : { cpuMs: 0, at: startedAt, percent: null };
    const elapsed = at - from.at;
    if (elapsed < SHORTEST_MS) return { cpuPercent: from.percent, rssBytes: stats.rssBytes };
    const percent = Math.round((1000 * (stats.cpuMs - from.cpuMs)) / elapsed) / 10;
    this.#looks.set(instance, { pid, cpuMs: stats.cpuMs, at, percent });
    return { cpuPercent: percent, rssBytes: stats.rssBytes };
  }
}
