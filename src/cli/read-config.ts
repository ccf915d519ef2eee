import type { SystemConfig } from '../core/config/model.ts';
import { fail } from '../core/failures.ts';
import type { CommandContext } from './command.ts';
import { indent } from './render/text.ts';

/** The configuration of the file that a command means, its warnings said; or `config-invalid` with everything that is wrong. */
export async function readConfig(context: CommandContext, profiles: readonly string[] | null): Promise<SystemConfig> {
  const { loadConfig } = await import('../adapters/config/load.ts');
  const { cwd, env, global, stderr } = context;
  const loaded = await loadConfig({
    cwd,
    env,
    ...(global.file === undefined ? {} : { file: global.file }),
    ...(profiles === null ? {} : { profiles }),
  });
  if (!loaded.ok) {
    const { renderProblems } = await import('../adapters/config/render-problems.ts');
    const text = renderProblems(loaded.problems, { color: stderr.style.level > 0 });
    if (loaded.file === null) return fail('no-file', text);
    const n = loaded.problems.length;
    return fail('config-invalid', `${loaded.file} has ${n === 1 ? 'an error' : `${n} errors`}\n${indent(text, '  ')}`);
  }
  if (global.progress !== 'quiet') {
    for (const warning of loaded.warnings) stderr.write(`${stderr.style.yellow('azora:')} ${warning}\n`);
  }
  return loaded.config;
}
