import * as z from 'zod';

/** Each bucket is 2 % wider than the one before, so a percentile is at most 1 % off. */
const GAMMA = 1.02;
const LOG_GAMMA = Math.log(GAMMA);
/** Beyond any bucket of a double: keeps the keys of positive values above 0, of negative ones below. */
const SHIFT = 40_000;

export const HistogramJson = z.object({
  count: z.number(),
  sum: z.number(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  buckets: z.array(z.tuple([z.number(), z.number()])),
});
export type HistogramJson = z.output<typeof HistogramJson>;

/** Counts of values in buckets that grow by a factor: small, and mergeable, over windows as over replicas. */
export class Histogram {
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  readonly #buckets = new Map<number, number>();

  static from({ count, sum, min, max, buckets }: HistogramJson): Histogram {
    const histogram = new Histogram();
    Object.assign(histogram, { count, sum, min: min ?? histogram.min, max: max ?? histogram.max });
    for (const [key, n] of buckets) histogram.#buckets.set(key, n);
    return histogram;
  }

  add(value: number): void {
    this.count += 1;
    this.sum += value;
    this.min = Math.min(this.min, value);
    this.max = Math.max(this.max, value);
    const key = keyOf(value);
    this.#buckets.set(key, (this.#buckets.get(key) ?? 0) + 1);
  }

  merge(other: Histogram): this {
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    for (const [key, n] of other.#buckets) this.#buckets.set(key, (this.#buckets.get(key) ?? 0) + n);
    return this;
  }

  /** The value that a share `q` (0 to 1) of the values does not exceed, to within 1 %; null when there is none. */
  quantile(q: number): number | null {
    if (this.count === 0) return null;
    let left = Math.ceil(q * this.count);
    for (const [key, n] of [...this.#buckets].sort(([a], [b]) => a - b)) {
      left -= n;
      if (left <= 0) return Math.min(this.max, Math.max(this.min, middleOf(key)));
    }
    return this.max;
  }

  summary() {
    if (this.count === 0) return { count: 0, mean: null, min: null, max: null, p50: null, p95: null, p99: null };
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => this.quantile(q));
    return { count: this.count, mean: this.sum / this.count, min: this.min, max: this.max, p50, p95, p99 };
  }

  toJSON(): HistogramJson {
    const { count, sum } = this;
    const [min, max] = count === 0 ? [null, null] : [this.min, this.max];
    return { count, sum, min, max, buckets: [...this.#buckets] };
  }
}

function keyOf(value: number): number {
  if (value === 0) return 0;
  return Math.sign(value) * (Math.ceil(Math.log(Math.abs(value)) / LOG_GAMMA) + SHIFT);
}

function middleOf(key: number): number {
  if (key === 0) return 0;
  return Math.sign(key) * ((2 * GAMMA ** (Math.abs(key) - SHIFT)) / (GAMMA + 1));
}
