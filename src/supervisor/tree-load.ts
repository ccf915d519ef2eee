import { processStats, together } from '../adapters/process-stats.ts';

/** What all processes of a life use together, where no cgroup counts it. */

export interface Load {
  /** Since the look before, or since it began, in % of one processor. */
  readonly cpuPercent: number;
  readonly memoryBytes: number;
}

interface Look {
  readonly generation: number;
  readonly cpuMs: number;
  readonly at: number;
}

export class TreeLoad {
  readonly #looks = new Map<string, Look>();

  /**
   * @param since when the life began, monotonic ms
   * @param at monotonic ms
   */
  of(
    { instance, generation, since }: { instance: string; generation: number; since: number },
    pids: readonly number[],
    at: number,
  ): Load | null {
    const stats = pids.map(processStats).filter((found) => found !== null);
    if (stats.length === 0) return null;
    const { cpuMs, memoryBytes } = together(stats);
    const latest = this.#looks.get(instance);
    const before = latest?.generation === generation ? latest : { cpuMs: 0, at: since };
    this.#looks.set(instance, { generation, cpuMs, at });
    return {
      cpuPercent: (100 * Math.max(0, cpuMs - before.cpuMs)) / Math.max(1, at - before.at),
      memoryBytes,
    };
  }
}
