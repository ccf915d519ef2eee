/**
 * Who says where it can be found. Pure: names, ownership, leases and what callers see; the HTTP around it is in
 * adapters/registry.
 *
 * Whose name is it? An organ's name belongs to that organ, whether it runs or not. Any other name belongs to the organ of which
 * an instance registered it first, until its last registration is gone. A registration belongs to one instance: a sibling
 * replica may register the same name beside it, but neither renew nor withdraw it.
 */
import { parseDuration } from './config/units.ts';
import type { Json, JsonObject } from './json.ts';
import type { Health, SystemStatus } from './status.ts';

/** What the supervisor knows by itself. The same object as long as nothing has changed. */
export interface RegistryView {
  readonly status: SystemStatus;
  /** Every organ of the system, those that cannot be reached too, as their names are taken. */
  readonly organs: readonly OrganEntry[];
}

export interface OrganEntry {
  readonly name: string;
  readonly category: string | null;
  readonly health: Health;
  /** null: it has no port, or no instance of it is ready. */
  readonly url: string | null;
  readonly instances: readonly { readonly instance: string; readonly url: string | null; readonly health: Health }[];
  /** When the supervisor registered it; null while it is withdrawn. */
  readonly registeredAt: string | null;
  /** What the file says of it (its route, its labels); no organ can say otherwise. */
  readonly metadata?: JsonObject;
}

/** One service as `GET /services` shows it (docs/registry.md). */
export interface Service {
  readonly name: string;
  readonly url: string;
  readonly category: string | null;
  readonly health: Health;
  readonly instances: readonly { readonly instance: string; readonly url: string; readonly health: Health }[];
  readonly metadata: JsonObject;
  readonly registeredAt: string;
}

/** Whom a token speaks for. */
export interface Caller {
  readonly organ: string;
  readonly instance: string;
}

export interface Registration {
  readonly name: string;
  readonly owner: Caller;
  readonly url: string;
  readonly metadata: JsonObject;
  /** null: it holds until it is withdrawn or its instance ends. */
  readonly ttlMs: number | null;
  /** On the clock of leases. */
  readonly renewedAt: number;
  /** Its time has passed without a heartbeat. */
  readonly lapsed: boolean;
  readonly registeredAt: string;
}

/** In the order in which they came. A registry in which nothing changes is the same object. */
export type Registry = readonly Registration[];

export const EMPTY_REGISTRY: Registry = [];
/** A registration whose time has passed is Critical for so long, then it is dropped. */
export const GRACE_MS = 10_000;

export const LIMITS = {
  name: /^[a-z][a-z0-9-]{0,62}$/,
  urlLength: 2048,
  metadataLength: 8192,
  shortestTtlMs: 100,
  longestTtlMs: 24 * 3_600_000,
  perInstance: 32,
  all: 2000,
} as const;

export type RefusalKind = 'invalid' | 'forbidden' | 'unknown' | 'too-many';
export interface Refusal {
  readonly kind: RefusalKind;
  readonly message: string;
}

export type Outcome =
  | { readonly kind: 'done'; readonly registry: Registry; readonly registration: Registration; readonly isNew: boolean }
  | Refusal;

export interface Request {
  readonly name: string;
  readonly url: string;
  readonly ttlMs: number | null;
  readonly metadata: JsonObject;
}

/** Reads the body of `POST /register`. */
export function readRequest(body: Json): Request | Refusal {
  const invalid = (message: string): Refusal => ({ kind: 'invalid', message });
  if (!isObject(body)) return invalid('the body must be a JSON object {name, url, ttl?, metadata?}');
  const unknown = Object.keys(body).find((key) => !['name', 'url', 'ttl', 'metadata'].includes(key));
  if (unknown !== undefined)
    return invalid(`unknown key "${unknown.slice(0, 64)}"; known are name, url, ttl, metadata`);

  const { name, url, ttl = null, metadata = {} } = body;
  if (typeof name !== 'string' || !LIMITS.name.test(name)) {
    return invalid('name must begin with a letter and hold at most 63 of a-z, 0-9 and -');
  }
  if (typeof url !== 'string' || !isWebUrl(url)) {
    return invalid(
      `url must be an http:// or https:// URL without user or password, of at most ${LIMITS.urlLength} characters`,
    );
  }
  if (!isObject(metadata) || JSON.stringify(metadata).length > LIMITS.metadataLength) {
    return invalid(`metadata must be a JSON object of at most ${LIMITS.metadataLength} characters`);
  }
  if (ttl === null) return { name, url, ttlMs: null, metadata };
  const ttlMs = typeof ttl === 'string' ? parseDuration(ttl) : null;
  if (ttlMs === null || ttlMs < LIMITS.shortestTtlMs || ttlMs > LIMITS.longestTtlMs) {
    return invalid('ttl must be a duration such as 30s, from 100ms to 24h');
  }
  return { name, url, ttlMs, metadata };
}

/** Registers, or renews with new content. `at` is when, for people; `now` the clock of leases. */
export function register(
  registry: Registry,
  request: Request,
  caller: Caller,
  view: RegistryView,
  now: number,
  at: string,
): Outcome {
  const { name } = request;
  const owner = ownerOf(registry, name, view);
  if (owner !== null && owner !== caller.organ) {
    return { kind: 'forbidden', message: `the name ${name} belongs to the organ ${owner}, not to ${caller.organ}` };
  }
  const earlier = find(registry, name, caller.instance);
  const mine = registry.filter(({ owner }) => owner.instance === caller.instance).length;
  if (!earlier && (mine >= LIMITS.perInstance || registry.length >= LIMITS.all)) {
    return {
      kind: 'too-many',
      message: `${caller.instance} has ${mine} registrations of ${registry.length}; no more are taken`,
    };
  }
  const registration: Registration = {
    ...request,
    owner: caller,
    renewedAt: now,
    lapsed: false,
    registeredAt: earlier?.registeredAt ?? at,
  };
  const next = earlier ? replace(registry, earlier, registration) : [...registry, registration];
  return { kind: 'done', registry: next, registration, isNew: !earlier };
}

/** Begins the lease of the caller's own registration anew. */
export function heartbeat(registry: Registry, name: string, caller: Caller, view: RegistryView, now: number): Outcome {
  const found = own(registry, name, caller, view);
  if ('kind' in found) return found;
  const registration = { ...found, renewedAt: now, lapsed: false };
  return { kind: 'done', registry: replace(registry, found, registration), registration, isNew: false };
}

/** Takes back the caller's own registration. */
export function withdraw(registry: Registry, name: string, caller: Caller, view: RegistryView): Outcome {
  const found = own(registry, name, caller, view);
  if ('kind' in found) return found;
  return { kind: 'done', registry: registry.filter((one) => one !== found), registration: found, isNew: false };
}

/** What an instance that has ended registered goes with it. */
export function forgetInstance(registry: Registry, instance: string): { registry: Registry; gone: Registry } {
  const gone = registry.filter(({ owner }) => owner.instance === instance);
  return { registry: gone.length ? registry.filter((one) => !gone.includes(one)) : registry, gone };
}

/** Marks what has missed its heartbeat, and drops what has been Critical for `GRACE_MS`. */
export function expire(registry: Registry, now: number): { registry: Registry; lapsed: Registry; dropped: Registry } {
  const overdue = (one: Registration) => (one.ttlMs === null ? -1 : now - one.renewedAt - one.ttlMs);
  const dropped = registry.filter((one) => overdue(one) >= GRACE_MS);
  const lapsed = registry.filter((one) => !one.lapsed && overdue(one) >= 0 && overdue(one) < GRACE_MS);
  if (!dropped.length && !lapsed.length) return { registry, lapsed, dropped };
  const left = registry.filter((one) => !dropped.includes(one));
  return { registry: left.map((one) => (lapsed.includes(one) ? { ...one, lapsed: true } : one)), lapsed, dropped };
}

/** All services, by name: the supervisor's own, with what their instances added, and the others. */
export function services(registry: Registry, view: RegistryView): Service[] {
  const organs = new Map(view.organs.map((organ) => [organ.name, organ]));
  const byName = Map.groupBy(registry, ({ name }) => name);
  const names = [...view.organs.filter(({ registeredAt }) => registeredAt).map(({ name }) => name), ...byName.keys()];
  return [...new Set(names)].sort().flatMap((name) => {
    const found = merged(name, organs.get(name), byName.get(name) ?? [], organs);
    return found ? [found] : [];
  });
}

function merged(
  name: string,
  organ: OrganEntry | undefined,
  registrations: Registry,
  organs: ReadonlyMap<string, OrganEntry>,
): Service | null {
  // What the supervisor found out by itself comes first; a registration adds to it.
  const known = organ?.registeredAt ? organ.instances.filter(({ url }) => url !== null) : [];
  const instances = new Map(known.map(({ instance, url, health }) => [instance, { instance, url: url ?? '', health }]));
  for (const one of registrations) {
    const { instance } = one.owner;
    const seen = organs.get(one.owner.organ)?.instances.find((candidate) => candidate.instance === instance);
    const health = one.lapsed ? 'Critical' : (seen?.health ?? 'Unknown');
    instances.set(instance, { instance, url: instances.get(instance)?.url ?? one.url, health });
  }
  const all = [...instances.values()];
  const url = (organ?.registeredAt && organ.url) || registrations[0]?.url;
  if (!url) return null;
  const lapsed = registrations.some((one) => one.lapsed);
  const own = organ?.registeredAt ? organ.health : null;
  return {
    name,
    url,
    category: organ?.category ?? organs.get(registrations[0]?.owner.organ ?? '')?.category ?? null,
    // A service is as healthy as its best instance; an organ's own health is for the supervisor to say.
    health: own ? (lapsed && all.every(({ health }) => health === 'Critical') ? 'Critical' : own) : best(all),
    instances: all,
    metadata: {
      ...Object.fromEntries(registrations.flatMap(({ metadata }) => Object.entries(metadata))),
      ...organ?.metadata,
    },
    registeredAt: (organ?.registeredAt ?? registrations[0]?.registeredAt) as string,
  };
}

function best(instances: readonly { readonly health: Health }[]): Health {
  const order: readonly Health[] = ['Healthy', 'Degraded', 'Unknown', 'Critical'];
  return order.find((health) => instances.some((one) => one.health === health)) ?? 'Unknown';
}

function own(registry: Registry, name: string, caller: Caller, view: RegistryView): Registration | Refusal {
  const found = find(registry, name, caller.instance);
  if (found) return found;
  const owner = ownerOf(registry, name, view);
  if (owner !== null && owner !== caller.organ) {
    return { kind: 'forbidden', message: `${name} belongs to the organ ${owner}, not to ${caller.organ}` };
  }
  const sibling = registry.find((one) => one.name === name);
  if (sibling) {
    return {
      kind: 'forbidden',
      message: `${name} was registered by ${sibling.owner.instance}, not by ${caller.instance}`,
    };
  }
  return { kind: 'unknown', message: `${caller.instance} has registered no service ${name}, or its time has passed` };
}

function ownerOf(registry: Registry, name: string, view: RegistryView): string | null {
  if (view.organs.some((organ) => organ.name === name)) return name;
  return registry.find((one) => one.name === name)?.owner.organ ?? null;
}

function find(registry: Registry, name: string, instance: string): Registration | undefined {
  return registry.find((one) => one.name === name && one.owner.instance === instance);
}

function replace(registry: Registry, old: Registration, next: Registration): Registry {
  return registry.map((one) => (one === old ? next : one));
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWebUrl(text: string): boolean {
  if (text.length > LIMITS.urlLength || !URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}
