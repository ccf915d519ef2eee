import type { StateFolder } from '../adapters/state-folder.ts';
import type { SystemConfig } from '../core/config/model.ts';
import { FailureError, fail } from '../core/failures.ts';
import { isEmptyPlan } from '../core/plan.ts';
import type { CommandContext } from './command.ts';
import type { Connection } from './connection.ts';
import { findSupervisor } from './daemons.ts';
import { locateFile, locateState } from './locate.ts';
import { renderPlan } from './render/plan.ts';
import { indent } from './render/text.ts';
import { settle } from './settle.ts';

export interface ReloadWish {
  readonly dryRun: boolean;
  readonly json: boolean;
  /** null: those of the file. */
  readonly profiles: readonly string[] | null;
}

/** `azora reload` and `azora plan`: reads the file afresh and takes on, or only shows, what differs from what runs. */
export async function reload(context: CommandContext, wish: ReloadWish): Promise<void> {
  const { connection, folder } = await requireSupervisor(context);
  const config = await readFile(context, wish.profiles);
  if (connection.hello.file !== config.file) {
    fail(
      'owned-by-another',
      `the system that runs here is that of ${connection.hello.file}, not of ${config.file}`,
      `azora --file ${connection.hello.file} reload`,
    );
  }
  if (wish.dryRun) {
    const plan = await connection.request('plan', { config });
    context.stdout.write(
      wish.json ? `${JSON.stringify({ version: 1, ...plan }, null, 2)}\n` : `${renderPlan(plan, context.stdout)}\n`,
    );
    if (!wish.json && !isEmptyPlan(plan)) context.stderr.write('  To do it: azora reload\n');
    connection.close();
    return;
  }
  const result = await connection.request('reload', { config }, 60_000);
  if (wish.json) context.stdout.write(`${JSON.stringify({ version: 1, ...result.plan }, null, 2)}\n`);
  else context.stdout.write(`${renderPlan(result.plan, context.stdout)}\n`);
  if (await settle(context, folder, connection, result)) {
    fail('organ-failed', 'not everything came up again after the reload', 'azora status shows what failed');
  }
}

/** The supervisor of this folder's system; `not-running` when there is none. */
export async function requireSupervisor(
  context: CommandContext,
): Promise<{ readonly connection: Connection; readonly folder: StateFolder }> {
  const folder = locateState(context);
  const connection = await findSupervisor(folder, context.version);
  if (!connection?.hello.bootId) return fail('not-running', 'nothing is running', 'Start it: azora up');
  return { connection, folder };
}

async function readFile(context: CommandContext, profiles: readonly string[] | null): Promise<SystemConfig> {
  const { loadConfig } = await import('../adapters/config/load.ts');
  const { cwd, env, stderr } = context;
  const loaded = await loadConfig({ file: locateFile(context), cwd, env, ...(profiles && { profiles }) });
  if (!loaded.ok) {
    const { renderProblems } = await import('../adapters/config/render-problems.ts');
    const text = renderProblems(loaded.problems, { color: stderr.style.level > 0 });
    throw new FailureError({
      kind: 'config-invalid',
      message: `${loaded.file} is broken, and nothing was changed\n${indent(text, '  ')}`,
      hint: null,
    });
  }
  for (const warning of loaded.warnings) {
    if (context.global.progress !== 'quiet') stderr.write(`${stderr.style.yellow('azora:')} ${warning}\n`);
  }
  return loaded.config;
}
