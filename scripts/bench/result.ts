/** What a measurement comes to, and what it is held against. */

export interface Series {
  readonly who: string;
  readonly values: readonly number[];
}

export interface Result {
  readonly kind?: never;
  readonly what: string;
  /** The same in a word or two. */
  readonly short: string;
  readonly unit: 'ms' | 'MB' | 'ms of CPU' | 'µs of CPU';
  readonly azora: readonly number[];
  /** Measured in turns with azora. */
  readonly beside: readonly Series[];
  /** At most this many times the median of a series, or this much. */
  readonly goal: { readonly times: number; readonly of: string } | { readonly most: number } | null;
  readonly note?: string;
}

/** Of so many organs, after the program that ran them was killed (-9). */
export interface Leftovers {
  readonly kind: 'leftovers';
  readonly who: string;
  readonly of: number;
  /** Live on. */
  readonly alive: number;
  /** Run once it has been started again. */
  readonly running: number;
  /** Live after it was stopped. */
  readonly left: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export interface Verdict {
  readonly goal: string;
  /** null: nothing to hold it against in this run. */
  readonly reached: boolean | null;
}

export function judge({ goal, azora, beside, unit }: Result): Verdict {
  if (goal === null) return { goal: '', reached: null };
  if ('most' in goal) return { goal: `≤ ${goal.most} ${unit}`, reached: median(azora) <= goal.most };
  const yardstick = beside.find(({ who }) => who === goal.of);
  return {
    goal: `≤ ${goal.times} × ${goal.of}`,
    reached: yardstick ? median(azora) <= goal.times * median(yardstick.values) : null,
  };
}

export function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
