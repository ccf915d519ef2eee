import type { OneOff } from '../../adapters/control/protocol.ts';
import type { SystemConfig } from '../../core/config/model.ts';
import { FailureError, fail } from '../../core/failures.ts';
import { instanceNames } from '../../core/machine/state.ts';
import type { StatusDocument } from '../../core/status.ts';
import type { Surroundings } from '../../supervisor/launch.ts';
import type { CommandContext } from '../command.ts';
import { findSupervisor } from '../daemons.ts';
import { locateState } from '../locate.ts';
import { requireKnown } from '../organs.ts';
import { readConfig } from '../read-config.ts';

/**
 * What a one-off in an organ's place is started with. The system that runs says it; where nothing runs, or the organ belongs to
 * a profile that is not active there, the file does.
 */
export async function prepareOneOff(context: CommandContext, organ: string): Promise<OneOff> {
  const folder = locateState(context);
  const connection = await findSupervisor(folder, context.version);
  if (!connection) return fromFile(context, organ, folder.root, null);
  try {
    return await connection.request('oneOff', { organ });
  } catch (error) {
    if (!(error instanceof FailureError) || error.failure.kind !== 'unknown-organ') throw error;
    const status = await connection.request('status', null);
    return await fromFile(context, organ, folder.root, status);
  } finally {
    connection.close();
  }
}

async function fromFile(
  context: CommandContext,
  name: string,
  stateDir: string,
  running: StatusDocument | null,
): Promise<OneOff> {
  const config = await withOrgan(context, name);
  const { oneOff } = await import('../../supervisor/launch.ts');
  const organ = config.organs[name]!;
  const around = running ? seenIn(running, stateDir) : await asIfBooted(config, stateDir);
  const made = oneOff(config, organ, around);
  if (running) return made;
  const { AZORA_BOOT_ID: _none, ...env } = made.env;
  return { ...made, env };
}

/** The file's configuration with the organ in it: an organ of a profile brings its profile along. */
async function withOrgan(context: CommandContext, name: string): Promise<SystemConfig> {
  const config = await readConfig(context, null);
  if (config.organs[name]) return config;
  requireKnown([name], new Set([...Object.keys(config.organs), ...config.inactive]));
  const { loadConfig } = await import('../../adapters/config/load.ts');
  const { cwd, env, global } = context;
  const file = global.file === undefined ? {} : { file: global.file };
  const loaded = await loadConfig({ cwd, env, ...file });
  const own = loaded.ok ? (loaded.inactiveProfiles[name]?.[0] ?? null) : null;
  const wider = own === null ? null : await loadConfig({ cwd, env, ...file, profiles: [...config.profiles, own] });
  if (!wider?.ok)
    return fail(
      'config-invalid',
      `organ ${name} belongs to no active profile, and with its own the file is not valid`,
      'azora config --check --profile …',
    );
  return wider.config;
}

function seenIn({ system, organs }: StatusDocument, stateDir: string): Surroundings {
  const of = (name: string) => organs.find(({ organ, instance }) => instance === name || organ === name);
  return {
    bootId: system.bootId ?? '',
    stateDir,
    registryUrl: system.registryUrl,
    portsOf: (instance) => of(instance)?.ports ?? {},
    endpointOf: (organ) => {
      const port = Object.values(of(organ)?.ports ?? {})[0];
      return port === undefined ? undefined : { host: '127.0.0.1', port };
    },
  };
}

/** The ports that the organs would have: those of the file, and for `auto` the ones that a first boot would choose now. */
async function asIfBooted(config: SystemConfig, stateDir: string): Promise<Surroundings> {
  const { Endpoints } = await import('../../supervisor/endpoints.ts');
  const endpoints = new Endpoints(stateDir);
  await endpoints.assign(config, {});
  return {
    bootId: '',
    stateDir,
    registryUrl: null,
    portsOf: (instance) => endpoints.portsOf(instance),
    endpointOf: (organ) => endpoints.endpointOf(instanceNames(config.organs[organ]!)[0] ?? organ),
  };
}
