import { formatDuration, parseDuration } from '../config/units.ts';
import { healthOf } from './compose-health.ts';
import { HostNames } from './compose-hosts.ts';
import { type PortsSeen, portsIn, portsOf } from './compose-ports.ts';
import { withoutContainer } from './compose-program.ts';
import type { DockerfileRun } from './dockerfile.ts';
import type { Draft, DraftOrgan, Found, FoundMap } from './draft.ts';
import { asMap, asTexts, braced, filled, isMap, isScalar, organNames, Reader, renamed, systemName } from './draft.ts';
import { environmentOf } from './environment.ts';

export interface ComposeSurroundings {
  /** What the Dockerfile of a build runs; null: there is none to be read. */
  readonly dockerfile: (context: string, name: string) => DockerfileRun | null;
  readonly dotEnv: boolean;
}

/** docker-compose.yml, compose.yaml. Its programs run on this machine, in their own folders; images are left out and explained. */
export function fromCompose(data: FoundMap, around: ComposeSurroundings): Draft {
  const file = new Reader(data);
  file.take('version'); // which compose itself ignores
  const written = Object.entries(asMap(file.take('services')));
  const names = organNames(written.map(([name]) => name));
  const awaited = new Set(
    written.flatMap(([, service]) =>
      Object.entries(asMap(asMap(service).depends_on)).flatMap(([needed, how]) =>
        asMap(how).condition === 'service_completed_successfully' ? [needed] : [],
      ),
    ),
  );
  const name = file.take('name');
  const seen = portsIn(written.map(([, service]) => service));
  const notes = ['networks', 'volumes', 'secrets', 'configs'].flatMap((key) => {
    const count = Object.keys(asMap(file.take(key))).length;
    return count === 0 ? [] : [`${key}: ${TOP_LEVEL[key]}`];
  });
  if (file.take('include') !== undefined)
    notes.push('include: run azora init on those files too, and name the results under `include`');
  if (around.dotEnv)
    notes.push('.env: compose only interpolates with it; here it is also the environment of every organ');
  return {
    name: typeof name === 'string' ? systemName(name) : null,
    system: filled({ env_file: around.dotEnv ? ['.env'] : null }) ?? {},
    organs: written.map(([service, keys]) =>
      organOf(
        { written: service, name: names.get(service)!, names, isTask: awaited.has(service), around, seen },
        asMap(keys),
      ),
    ),
    notes: [...notes, ...file.left.map((key) => `${key}: no equivalent`)],
  };
}

const TOP_LEVEL: Readonly<Record<string, string>> = {
  networks: 'all organs share this machine’s network: they find each other at 127.0.0.1',
  volumes: 'organs see this machine’s files: give them the folders by their paths',
  secrets: 'give the files by their paths, or their content with env_file',
  configs: 'give the files by their paths',
};

interface Service {
  readonly written: string;
  readonly name: string;
  readonly names: ReadonlyMap<string, string>;
  readonly isTask: boolean;
  readonly around: ComposeSurroundings;
  readonly seen: PortsSeen;
}

function organOf(service: Service, keys: FoundMap): DraftOrgan {
  const { written, name, names, around, seen } = service;
  const read = new Reader(keys);
  const notes = renamed(written, name);
  const program = withoutContainer(read, around.dockerfile, notes);
  const environment = { ...program.env, ...environmentOf(read.take('environment')) };
  const deploy = new Reader(asMap(read.take('deploy')));
  const dependsOn = dependenciesOf(read.take('depends_on'), names, notes);
  const here = new HostNames(
    [...names.keys()].filter((other) => other !== written),
    notes,
  );
  const limits = asMap(asMap(deploy.take('resources')).limits);
  const keysOf = filled({
    command: here.inCommand(program.command),
    cwd: program.cwd,
    kind: service.isTask ? 'task' : null,
    profiles: asTexts(read.take('profiles')),
    env: here.inEnvironment(environment),
    env_file: envFilesOf(read.take('env_file')),
    depends_on: dependsOn,
    ports: portsOf(
      read.take('ports'),
      read.take('expose'),
      service.isTask ? [] : program.ports,
      seen,
      notes,
      program.command !== null,
    ),
    health: healthOf(read.take('healthcheck'), notes),
    restart: restartOf(read.take('restart'), deploy.take('restart_policy'), service.isTask),
    replicas: read.take('scale') ?? deploy.take('replicas'),
    stop: filled({
      signal: read.take('stop_signal'),
      timeout: composeDuration(read.take('stop_grace_period')),
    }),
    resources: filled({
      cpu: numberOf(limits.cpus ?? read.take('cpus')),
      memory: memoryOf(limits.memory ?? read.take('mem_limit')),
    }),
    labels: labelsOf(read.take('labels')),
    watch: watchOf(asMap(read.take('develop')), notes),
  })!;
  for (const [key, why] of LEFT_OUT) if (read.take(key) !== undefined) notes.push(`${key}: ${why}`);
  notes.push(...deploy.left.map((key) => `deploy.${key}: no equivalent`));
  notes.push(...read.left.map((key) => `${key}: it concerns containers only`));
  return { name, keys: keysOf, inactive: program.command === null, notes };
}

const LEFT_OUT: readonly (readonly [string, string])[] = [
  ['networks', 'all organs share this machine’s network'],
  ['network_mode', 'all organs share this machine’s network'],
  ['links', 'organs find each other with ${organs.NAME.url}'],
  ['logging', 'azora keeps the output itself: azora logs, and `logs` with max_size and max_files'],
  ['container_name', 'an organ is called by its name'],
  ['hostname', 'organs share this machine’s name'],
  ['extends', 'YAML anchors, `defaults` and `include` do this here'],
  ['secrets', 'give the files by their paths, or their content with env_file'],
  ['configs', 'give the files by their paths'],
  ['user', 'organs run as you; `user: NAME` where azora may switch'],
];

function dependenciesOf(found: Found, names: ReadonlyMap<string, string>, notes: string[]): FoundMap | string[] | null {
  const known = (needed: string): string[] => {
    const name = names.get(needed);
    if (name === undefined) notes.push(`depends_on ${needed}: there is no such service`);
    return name === undefined ? [] : [name];
  };
  // The short form waits for a start only.
  if (Array.isArray(found)) {
    return Object.fromEntries(
      asTexts(found).flatMap((needed) => known(needed).map((name) => [name, { condition: 'started' }])),
    );
  }
  if (!isMap(found)) return null;
  const conditions: Readonly<Record<string, string>> = {
    service_started: 'started',
    service_healthy: 'healthy',
    service_completed_successfully: 'completed',
  };
  return Object.fromEntries(
    Object.entries(found).flatMap(([needed, how]) => {
      const { condition, restart, required } = asMap(how);
      const entry = filled({
        condition: conditions[String(condition)] ?? 'started',
        restart: restart === true ? true : null,
        required: required === false ? false : null,
      });
      return known(needed).map((name) => [name, entry]);
    }),
  );
}

/** Without a word a container is not started again; azora starts services again. */
function restartOf(restart: Found, policy: Found, isTask: boolean): Found {
  const word = isScalar(restart) ? String(restart) : isMap(policy) ? String(policy.condition ?? 'any') : 'no';
  const [name, limit] = word.split(':');
  switch (name) {
    case 'always':
    case 'unless-stopped':
    case 'any':
      return 'always';
    case 'on-failure':
      return limit && Number(limit) > 0 ? { policy: 'on-failure', limit: Number(limit) } : 'on-failure';
    default:
      return isTask ? null : 'never';
  }
}

function envFilesOf(found: Found): string[] {
  return (Array.isArray(found) ? found : [found]).flatMap((entry: unknown) => {
    if (isScalar(entry)) return [String(entry)];
    if (!isMap(entry) || typeof entry.path !== 'string') return [];
    return [entry.required === false ? `${entry.path}?` : entry.path];
  });
}

function labelsOf(found: Found): FoundMap | null {
  return environmentOf(found);
}

/** `1m30s`, `10s`, `500ms`, as compose writes them; what is finer than a millisecond is rounded. */
export function composeDuration(found: Found): string | null {
  if (!isScalar(found)) return null;
  const ms = parseDuration(String(found).replace(/(\d+)(us|ns)$/, ''));
  return ms === null ? null : formatDuration(ms);
}

const numberOf = (found: Found): Found => (isScalar(found) ? Number(found) : null);

/** `512m`, `1g`: powers of 1024 in compose. */
function memoryOf(found: Found): string | null {
  if (!isScalar(found)) return null;
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmg]?)b?$/i.exec(String(found)) ?? [];
  if (amount === undefined) return null;
  return unit === '' ? `${amount}B` : `${amount}${unit.toUpperCase()}i`;
}

function watchOf(develop: FoundMap, notes: string[]): FoundMap | null {
  const rules = (Array.isArray(develop.watch) ? develop.watch : []).map(asMap);
  const paths = rules.flatMap(({ path }) => asTexts(path));
  if (paths.length === 0) return null;
  if (rules.some(({ action }) => action === 'sync')) {
    notes.push('develop.watch sync: nothing has to be copied here; a change restarts the organ');
  }
  return filled({ paths: paths.map(braced), ignore: rules.flatMap(({ ignore }) => asTexts(ignore)) });
}
