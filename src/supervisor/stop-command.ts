import type { OrganConfig } from '../core/config/model.ts';
import type { SystemState } from '../core/machine/state.ts';
import { environment, filled, type Surroundings } from './launch.ts';

/**
 * Runs an organ's `stop.command` in its environment and folder, to its end or up to `stop.timeout`. How it ends does not matter:
 * what counts is whether the organ is gone afterwards, and that is looked at anyway.
 */
export async function runStopCommand(
  state: SystemState,
  organ: OrganConfig,
  instance: string,
  surroundings: (system: SystemState) => Surroundings,
): Promise<void> {
  const { command, timeoutMs } = organ.stop;
  if (!command) return;
  const { execa } = await import('execa');
  const around = surroundings(state);
  const [file, ...args] = filled(command.argv, around.endpointOf);
  await execa(file, args, {
    cwd: organ.cwd,
    env: environment(state.config, state.instances.get(instance)!, around),
    extendEnv: false,
    stdio: 'ignore',
    timeout: timeoutMs,
    reject: false,
  });
}
