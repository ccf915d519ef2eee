import type { InstanceStatus } from '../../core/status.ts';

/** How much processor and memory an instance has used lately, one figure a second, oldest first; null where it did not run. */
export interface History {
  readonly cpu: readonly (number | null)[];
  readonly rss: readonly (number | null)[];
}

export const EMPTY_HISTORY: History = { cpu: [], rss: [] };

/** Two minutes: as wide as a sparkline gets on any terminal. */
const KEPT = 120;

export function remember({ cpu, rss }: History, row: Pick<InstanceStatus, 'cpuPercent' | 'rssBytes'>): History {
  return { cpu: [...cpu, row.cpuPercent].slice(-KEPT), rss: [...rss, row.rssBytes].slice(-KEPT) };
}

const BARS = '▁▂▃▄▅▆▇█';

/** The latest figures as bars from `low` to `high`, the newest at the right end; a blank where there is none. */
export function sparkline(values: readonly (number | null)[], width: number, low: number, high: number): string {
  const bars = values.slice(-width).map((value) => {
    if (value === null) return ' ';
    const share = high > low ? (value - low) / (high - low) : 0;
    return BARS[Math.max(0, Math.min(BARS.length - 1, Math.floor(share * BARS.length)))]!;
  });
  return width < 1 ? '' : bars.join('').padStart(width);
}

/** An idle organ is flat: what is less than a tenth of a processor does not fill the line. */
const CPU_HIGH_PERCENT = 10;

export function cpuLine({ cpu }: History, width: number): string {
  return sparkline(cpu, width, 0, Math.max(CPU_HIGH_PERCENT, ...numbers(cpu.slice(-width))));
}

/** From the least of what is shown, so that growth is seen; noise of less than a tenth is flat. */
export function rssLine({ rss }: History, width: number): string {
  const shown = numbers(rss.slice(-width));
  const low = Math.min(...shown);
  return sparkline(rss, width, low, Math.max(low * 1.1, ...shown));
}

const numbers = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);
