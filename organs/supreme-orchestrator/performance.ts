import { messageOf } from '../kit/index.ts';
import type { OrganSeen } from './inventory.ts';

export interface Latency {
  readonly organ: string;
  readonly instance: string;
  readonly url: string;
  /** Requests that were answered, whatever the status. */
  readonly answered: number;
  /** Milliseconds from request to the end of the body; null when none was answered. */
  readonly p50Ms: number | null;
  readonly maxMs: number | null;
  readonly failure: string | null;
}

export interface Performance {
  readonly measuredAt: string;
  readonly samplesEach: number;
  readonly instances: readonly Latency[];
  readonly reachable: number;
  readonly unreachable: number;
  /** Of the slowest instance; null when none answered. */
  readonly slowest: { readonly organ: string; readonly p50Ms: number } | null;
  /** The median of the instances' medians. */
  readonly p50Ms: number | null;
}

export interface MeasureOptions {
  readonly samples: number;
  readonly timeoutMs: number;
  readonly now: () => Date;
}

/** Measures how long every registered instance takes to answer `GET /healthz`: instances in parallel, samples in turn. */
export async function measure(organs: readonly OrganSeen[], options: MeasureOptions): Promise<Performance> {
  const targets = organs.flatMap(({ name, url, instances }) =>
    instances.length > 0
      ? instances.map((one) => ({ organ: name, instance: one.instance, url: one.url }))
      : [{ organ: name, instance: name, url }],
  );
  const instances = await Promise.all(targets.map((target) => measureOne(target, options)));
  const medians = instances.flatMap(({ organ, p50Ms }) => (p50Ms === null ? [] : [{ organ, p50Ms }]));
  return {
    measuredAt: options.now().toISOString(),
    samplesEach: options.samples,
    instances,
    reachable: medians.length,
    unreachable: instances.length - medians.length,
    slowest: medians.toSorted((a, b) => b.p50Ms - a.p50Ms)[0] ?? null,
    p50Ms: median(medians.map(({ p50Ms }) => p50Ms)),
  };
}

async function measureOne(
  target: Pick<Latency, 'organ' | 'instance' | 'url'>,
  { samples, timeoutMs }: MeasureOptions,
): Promise<Latency> {
  const times: number[] = [];
  let failure: string | null = null;
  for (let sample = 0; sample < samples && failure === null; sample++) {
    const startedAt = performance.now();
    try {
      const response = await fetch(new URL('/healthz', target.url), { signal: AbortSignal.timeout(timeoutMs) });
      await response.arrayBuffer();
      times.push(Math.round((performance.now() - startedAt) * 100) / 100);
    } catch (cause) {
      failure = messageOf(cause);
    }
  }
  return {
    ...target,
    answered: times.length,
    p50Ms: median(times),
    maxMs: times.length ? Math.max(...times) : null,
    failure,
  };
}

/** The middle value, the lower of the two middle ones of an even number; null of nothing. */
export function median(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? null;
}
