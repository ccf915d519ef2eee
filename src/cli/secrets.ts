import { readSecrets } from '../adapters/secrets-file.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { type Mask, outputMasker, secretsOf } from '../core/config/redact.ts';
import type { CommandContext } from './command.ts';

/** What commands hide of what organs wrote. */

/** By the values that the running system was started with; null when nothing runs. */
export function maskOfRunning(folder: StateFolder): Mask | null {
  const values = readSecrets(folder.secrets);
  return values && outputMasker(values);
}

/**
 * The same, and with nothing running by the values that azora.yaml and the environment give now. Where those cannot be had, that
 * is said: values are not known then, and lines are shown as they were written (but for azora's own tokens).
 */
export async function outputMask(
  context: Pick<CommandContext, 'cwd' | 'env' | 'global'>,
  folder: StateFolder,
  onTrouble: (message: string) => void,
): Promise<Mask> {
  const running = maskOfRunning(folder);
  if (running) return running;
  const { loadConfig } = await import('../adapters/config/load.ts');
  const { cwd, env, global } = context;
  const loaded = await loadConfig({ cwd, env, ...(global.file === undefined ? {} : { file: global.file }) });
  if (loaded.ok) return outputMasker(secretsOf(loaded.config));
  const why = loaded.file === null ? 'there is no azora.yaml here' : `${loaded.file} has errors (azora config --check)`;
  onTrouble(`secrets are not masked in what follows: nothing runs, and ${why}`);
  return outputMasker([]);
}
