import type { Exchange } from './exchange.ts';

/** Upper bounds of the buckets, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Latency {
  readonly buckets: number[];
  count: number;
  sum: number;
}

/** Counts what passes, for `/metrics`: by organ and status, with latencies as a histogram. */
export class Traffic {
  readonly #requests = new Map<string, number>();
  readonly #retries = new Map<string, number>();
  readonly #latencies = new Map<string, Latency>();
  webSockets = 0;

  count({ organ, status, attempts, startedAt }: Exchange): void {
    const name = organ ?? 'none';
    add(this.#requests, `organ="${name}",status="${status}"`, 1);
    if (attempts > 1) add(this.#retries, `organ="${name}"`, attempts - 1);
    const seconds = (performance.now() - startedAt) / 1000;
    const latency = this.#latencies.get(name) ?? { buckets: BUCKETS.map(() => 0), count: 0, sum: 0 };
    for (const [i, bound] of BUCKETS.entries())
      if (seconds <= bound) latency.buckets[i] = (latency.buckets[i] ?? 0) + 1;
    latency.count += 1;
    latency.sum += seconds;
    this.#latencies.set(name, latency);
  }

  render(): string[] {
    const counter = (name: string, counts: ReadonlyMap<string, number>) => [
      `# TYPE ${name} counter`,
      ...[...counts].map(([labels, count]) => `${name}{${labels}} ${count}`),
    ];
    return [
      ...counter('gateway_requests_total', this.#requests),
      ...counter('gateway_retries_total', this.#retries),
      '# TYPE gateway_websockets gauge',
      `gateway_websockets ${this.webSockets}`,
      '# TYPE gateway_request_seconds histogram',
      ...[...this.#latencies].flatMap(([organ, { buckets, count, sum }]) => [
        ...BUCKETS.map((bound, i) => `gateway_request_seconds_bucket{organ="${organ}",le="${bound}"} ${buckets[i]}`),
        `gateway_request_seconds_bucket{organ="${organ}",le="+Inf"} ${count}`,
        `gateway_request_seconds_sum{organ="${organ}"} ${sum}`,
        `gateway_request_seconds_count{organ="${organ}"} ${count}`,
      ]),
    ];
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
