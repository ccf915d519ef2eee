import { type Client, messageOf } from '../kit/index.ts';
import type { Scraped } from './history.ts';
import { parsePrometheus } from './prometheus.ts';

export interface Target {
  readonly organ: string;
  readonly instance: string;
  readonly url: string;
  readonly health: string;
}

export interface Scrape {
  readonly target: Target;
  /** Why there is nothing; undefined when all went well. */
  readonly failure: string | undefined;
  readonly samples: readonly Scraped[];
  readonly ms: number;
}

const MAX_BYTES = 2 * 1024 * 1024;
const HEALTH = ['Healthy', 'Degraded', 'Critical'];

/** Every instance that the registry has, and the registry itself. Throws when it cannot be asked. */
export async function findTargets(client: Client, registryUrl: string | undefined): Promise<Target[]> {
  const services = await client.services();
  const instances = services.flatMap(({ name, url, health, instances: own }) =>
    (own.length > 0 ? own : [{ instance: name, url, health }]).map((one) => ({ organ: name, ...one })),
  );
  const registry = { organ: 'service-registry', instance: 'service-registry', health: 'Healthy' };
  return registryUrl ? [...instances, { ...registry, url: registryUrl }] : instances;
}

/** Reads a target's `/metrics`. A service without such a page is well, and tells nothing more than that it is up. */
export async function scrape(target: Target, timeoutMs: number): Promise<Scrape> {
  const startedAt = performance.now();
  const { organ, instance } = target;
  const of = (metric: string, value: number): Scraped => ({
    organ,
    instance,
    metric,
    labels: {},
    type: 'gauge',
    value,
  });
  const own = (up: number) => {
    const ms = performance.now() - startedAt;
    const health = HEALTH.indexOf(target.health);
    return {
      ms,
      samples: [of('up', up), of('scrape_seconds', ms / 1000), ...(health < 0 ? [] : [of('instance_health', health)])],
    };
  };
  try {
    const text = await fetchPage(target.url, timeoutMs);
    const page = parsePrometheus(text);
    if ('error' in page) throw new Error(page.error);
    const { ms, samples } = own(1);
    const told = page.samples.map((sample) => ({
      ...{ organ, instance, ...sample },
      type: page.types.get(sample.metric) ?? 'untyped',
    }));
    return { target, failure: undefined, ms, samples: [...samples, ...told] };
  } catch (error) {
    return { target, failure: messageOf(error), ...own(0) };
  }
}

async function fetchPage(url: string, timeoutMs: number): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(`${url.replace(/\/$/, '')}/metrics`, { signal, redirect: 'error' });
  if (response.status === 404) return '';
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_BYTES) throw new Error(`/metrics is longer than ${MAX_BYTES} bytes`);
  }
  return text;
}
