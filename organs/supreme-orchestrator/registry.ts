import * as z from 'zod';
import { messageOf } from '../kit/index.ts';
import { type OrganSeen, STATUSES, type Status, UNCATEGORISED } from './inventory.ts';

/** What came of asking the registry. `unreachable`: nobody answered; `invalid`: the answer was not the registry's. */
export type Answer =
  | { readonly kind: 'ok'; readonly organs: readonly OrganSeen[] }
  | { readonly kind: 'unreachable' | 'invalid'; readonly reason: string };

const status = z.string().transform((text): Status => STATUSES.find((known) => known === text) ?? 'Unknown');

const Services = z.array(
  z.object({
    name: z.string(),
    url: z.string(),
    category: z.string().nullish(),
    health: status,
    instances: z.array(z.object({ instance: z.string(), url: z.string(), health: status })).default([]),
    registeredAt: z.string().nullish(),
  }),
);

/** Asks the registry for all services (`GET /services`); `url` is its base, `timeoutMs` bounds the whole of it. */
export async function askRegistry(url: string | undefined, timeoutMs: number): Promise<Answer> {
  if (!url)
    return { kind: 'unreachable', reason: 'AZORA_REGISTRY_URL is not set: this organ was not started by azora' };
  const where = new URL('/services', url);
  try {
    const response = await fetch(where, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) return { kind: 'invalid', reason: `${where} answered ${response.status}` };
    return parse(await response.text(), where);
  } catch (cause) {
    return { kind: 'unreachable', reason: `${where} cannot be reached: ${messageOf(cause)}` };
  }
}

function parse(body: string, where: URL): Answer {
  const invalid = (reason: string): Answer => ({ kind: 'invalid', reason: `${where} answered ${reason}` });
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (cause) {
    return invalid(`without JSON: ${messageOf(cause)}`);
  }
  const services = Services.safeParse(json);
  if (!services.success) return invalid(`in an unknown shape: ${z.prettifyError(services.error)}`);
  return {
    kind: 'ok',
    organs: services.data.map(({ name, url, category, health, instances, registeredAt }) => ({
      name,
      category: category || UNCATEGORISED,
      status: health,
      url,
      instances: instances.map((one) => ({ instance: one.instance, url: one.url, status: one.health })),
      registeredAt: registeredAt ?? null,
    })),
  };
}
