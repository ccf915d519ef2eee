/** Prometheus text format 0.0.4, for the few metrics that every organ has and the figures of its own health check. */

export type Gauges = Readonly<Record<string, number>>;

/** Counts answered requests by method and status, with the time they took. */
export class RequestMetrics {
  readonly #byLabels = new Map<string, { method: string; status: number; count: number; seconds: number }>();

  observe(method: string, status: number, seconds: number): void {
    const key = `${method} ${status}`;
    const entry = this.#byLabels.get(key) ?? { method, status, count: 0, seconds: 0 };
    entry.count += 1;
    entry.seconds += seconds;
    this.#byLabels.set(key, entry);
  }

  render(): string[] {
    const entries = [...this.#byLabels.values()];
    const line = (name: string, entry: (typeof entries)[number], value: number) =>
      `${name}{method="${entry.method}",status="${entry.status}"} ${value}`;
    return [
      '# TYPE http_requests_total counter',
      ...entries.map((entry) => line('http_requests_total', entry, entry.count)),
      '# TYPE http_request_seconds_total counter',
      ...entries.map((entry) => line('http_request_seconds_total', entry, entry.seconds)),
    ];
  }
}

/** One organ's figures as gauges: `minedBlocks` of covenant becomes `covenant_mined_blocks`. */
export function renderGauges(organ: string, gauges: Gauges): string[] {
  return Object.entries(gauges).flatMap(([name, value]) => {
    const metric = `${metricName(organ)}_${metricName(name)}`;
    return [`# TYPE ${metric} gauge`, `${metric} ${value}`];
  });
}

export function renderProcess(): string[] {
  const { user, system } = process.cpuUsage();
  return [
    '# TYPE process_cpu_seconds_total counter',
    `process_cpu_seconds_total ${(user + system) / 1e6}`,
    '# TYPE process_resident_memory_bytes gauge',
    `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    '# TYPE process_start_time_seconds gauge',
    `process_start_time_seconds ${(Date.now() / 1000 - process.uptime()).toFixed(3)}`,
  ];
}

function metricName(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^a-zA-Z0-9_]/g, '_')
    .toLowerCase();
}
