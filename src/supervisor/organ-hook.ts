import { type CommandEnd, runCommand } from '../adapters/run-command.ts';
import type { CommandLine } from '../core/config/model.ts';
import type { Instance, SystemState } from '../core/machine/state.ts';
import { environment, filled, type Surroundings } from './launch.ts';

/** How a command is run on behalf of an instance: in its folder and environment, references filled in. */
export function hookPlace(system: SystemState, instance: Instance, command: CommandLine, around: Surroundings) {
  return {
    argv: filled(command.argv, around.endpointOf) as readonly string[],
    cwd: system.config.organs[instance.organ]!.cwd,
    env: environment(system.config, instance, around),
  };
}

/** Runs `pre_start` or `pre_stop` to its end. Never rejects. */
export function runOrganHook(
  system: SystemState,
  instance: Instance,
  command: CommandLine,
  around: Surroundings,
  { hook, timeoutMs, signal }: { hook: 'pre_start' | 'pre_stop'; timeoutMs: number; signal: AbortSignal },
): Promise<CommandEnd> {
  const { env, ...place } = hookPlace(system, instance, command, around);
  return runCommand({ ...place, env: { ...env, AZORA_HOOK: hook }, timeoutMs, signal });
}
