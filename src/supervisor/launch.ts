import type { OneOff } from '../adapters/control/protocol.ts';
import { crypto } from '../adapters/crypto.ts';
import type { OrganConfig, SystemConfig } from '../core/config/model.ts';
import { type Endpoint, fillReferences } from '../core/config/references.ts';
import { type Instance, instanceNames } from '../core/machine/state.ts';
import type { ReadinessChannel, SpawnRequest } from '../keeper/protocol.ts';
import { limitsOf } from './limits.ts';

/** What an instance is started with. */

/** What the whole system knows of itself. */
export interface Surroundings {
  readonly bootId: string;
  readonly stateDir: string;
  readonly registryUrl: string | null;
  readonly portsOf: (instance: string) => Readonly<Record<string, number>>;
  /** Of an organ's first instance. */
  readonly endpointOf: (organ: string) => Endpoint | undefined;
}

/** Replaces every organ reference in a value of the configuration. */
export function filled<T>(value: T, endpointOf: Surroundings['endpointOf']): T {
  if (typeof value === 'string') return fillReferences(value, endpointOf) as T;
  if (Array.isArray(value)) return value.map((item) => filled(item, endpointOf)) as T;
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, endpointOf)])) as T;
  }
  return value;
}

type Place = Pick<Instance, 'organ' | 'name' | 'replica'>;

/** The whole environment of an instance. */
export function environment(config: SystemConfig, instance: Place, around: Surroundings): Record<string, string> {
  return { ...config.callerEnv, ...ownEnvironment(config, instance, around) };
}

/**
 * What an instance has over the caller's environment: its organ's variables, then what azora tells it, which nothing overrides: a
 * stray PORT in the caller's environment would send the organ to another's port.
 */
function ownEnvironment(config: SystemConfig, instance: Place, around: Surroundings): Record<string, string> {
  const organ = config.organs[instance.organ]!;
  const port = Object.values(around.portsOf(instance.name))[0];
  return {
    ...filled(organ.env, around.endpointOf),
    ...dependencyUrls(config, organ, around),
    ...(port === undefined ? {} : { PORT: String(port) }),
    AZORA_SYSTEM: config.name,
    AZORA_ORGAN: organ.name,
    AZORA_INSTANCE: instance.name,
    AZORA_REPLICA: String(instance.replica),
    AZORA_BOOT_ID: around.bootId,
    AZORA_STATE_DIR: around.stateDir,
    ...(around.registryUrl === null ? {} : { AZORA_REGISTRY_URL: around.registryUrl }),
  };
}

function dependencyUrls(config: SystemConfig, organ: OrganConfig, around: Surroundings): Record<string, string> {
  return Object.fromEntries(
    organ.dependsOn.flatMap(({ organ: needed }) => {
      const first = config.organs[needed] && instanceNames(config.organs[needed])[0];
      const endpoint = first && around.endpointOf(needed);
      return endpoint
        ? [[`${needed.toUpperCase().replaceAll('-', '_')}_URL`, `http://${endpoint.host}:${endpoint.port}`]]
        : [];
    }),
  );
}

/** The keeper's order for one life of an instance, with a cookie of its own. The caller's environment is not in it: see `inherit`. */
export function spawnRequest(
  config: SystemConfig,
  instance: Place,
  generation: number,
  token: string,
  around: Surroundings,
): SpawnRequest {
  const organ = config.organs[instance.organ]!;
  const cookie = crypto().randomUUID();
  return {
    instance: instance.name,
    generation,
    organ: organ.name,
    argv: filled(organ.command.argv, around.endpointOf),
    cwd: organ.cwd,
    env: { ...ownEnvironment(config, instance, around), AZORA_TOKEN: token, AZORA_COOKIE: cookie },
    cookie,
    logs: organ.logs,
    readiness: readinessChannel(organ),
    ...(limitsOf(organ).length > 0 ? { limits: organ.resources } : {}),
  };
}

/** A command in the place of an organ's first instance; it is no life of that, so it has neither its token nor its cookie. */
export function oneOff(config: SystemConfig, organ: OrganConfig, around: Surroundings): OneOff {
  const name = instanceNames(organ)[0] ?? organ.name;
  return {
    argv: filled(organ.command.argv, around.endpointOf),
    cwd: organ.cwd,
    env: environment(config, { organ: organ.name, name, replica: 1 }, around),
  };
}

function readinessChannel(organ: OrganConfig): ReadinessChannel | null {
  const { probe } = organ.health;
  switch (probe.kind) {
    case 'fd':
    case 'ipc':
    case 'log':
      return probe;
    case 'http':
    case 'tcp':
    case 'exec':
    case 'none':
      return null;
  }
}
