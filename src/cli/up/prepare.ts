import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { LoadResult } from '../../adapters/config/load.ts';
import type { ParsedBefore } from '../../adapters/config/parsed-before.ts';
import type { UpResult } from '../../adapters/control/protocol.ts';
import { clearLatch, readLatch } from '../../adapters/latch.ts';
import { createStateFolder, type StateFolder, stateFolder, stateRootOf } from '../../adapters/state-folder.ts';
import type { SystemConfig } from '../../core/config/model.ts';
import { fail } from '../../core/failures.ts';
import { isEmptyPlan } from '../../core/plan.ts';
import type { CommandContext } from '../command.ts';
import type { Connection } from '../connection.ts';
import { startSupervisor } from '../daemons.ts';
import { locateFile } from '../locate.ts';
import { requireKnown } from '../organs.ts';
import { persistently } from '../persistently.ts';
import { renderPlan } from '../render/plan.ts';
import { indent, list } from '../render/text.ts';
import { withOwnVersion } from '../versions.ts';
import { takenOver } from './feed.ts';

/** To plan the boot of the largest system, and to find a free port for everybody. */
const UP_TIMEOUT_MS = 60_000;

export interface UpWish {
  /** null: every autostarted organ. */
  readonly organs: readonly string[] | null;
  readonly noDeps: boolean;
  readonly fresh: boolean;
  readonly clearEmergency: boolean;
  /** null: those of the file. */
  readonly profiles: readonly string[] | null;
}

export interface Begun {
  readonly folder: StateFolder;
  readonly connection: Connection;
  readonly config: SystemConfig;
  readonly result: UpResult;
  /** What was read anew, for the next command. */
  readonly keepParsed: () => void;
}

/**
 * Reads the configuration while the supervisor starts, then asks it for what is wished. A bad configuration fails with
 * `config-invalid`, and a supervisor that was started for nothing ends by itself when this connection does.
 */
export async function beginUp(context: CommandContext, wish: UpWish, exitCodeFrom: string | null): Promise<Begun> {
  const file = locateFile(context);
  if (!existsSync(file)) fail('no-file', `${file} does not exist`, 'Name another with --file, or write one.');
  const chosen = context.global.stateDir ?? context.env.AZORA_STATE_DIR;
  const folder = stateFolder(chosen ? resolve(context.cwd, chosen) : stateRootOf(file, undefined));
  createStateFolder(folder);
  if (wish.clearEmergency) clearLatch(folder);
  refuseEmergency(folder);
  const loading = load(context, file, folder, wish);
  const [started, loaded] = await Promise.allSettled([startSupervisor(folder, context.version, loading), loading]);
  try {
    if (loaded.status === 'rejected') throw loaded.reason;
    if (started.status === 'rejected') throw started.reason;
    const config = await usable(context, loaded.value);
    requireKnown([...(wish.organs ?? []), ...(exitCodeFrom === null ? [] : [exitCodeFrom])], known(config));
    assertSameSystem(started.value, config);
    const first = await withOwnVersion(context, folder, started.value);
    const begun = await ask(context, folder, first, config, wish);
    warnOfChanges(context, begun.result);
    return { folder, config, ...begun, keepParsed: () => loaded.value.parsed.keep(config) };
  } catch (error) {
    if (started.status === 'fulfilled') {
      started.value.close();
      await started.value.closed;
    }
    throw error;
  }
}

/** A supervisor that dies over it is replaced, and one that is on its way down is followed by another. */
async function ask(
  context: CommandContext,
  folder: StateFolder,
  first: Connection,
  config: SystemConfig,
  { organs, noDeps, fresh }: UpWish,
): Promise<Pick<Begun, 'connection' | 'result'>> {
  // What an earlier one had begun for this command is this command's all the same.
  const isResumed = (present: Connection): boolean => present !== first && first.hello.bootId === null;
  const asked = await persistently(
    first,
    () => startSupervisor(folder, context.version),
    async (connection) => {
      const isEnding = connection.hello.phase === 'stopping' || connection.hello.phase === 'stopped';
      if (isEnding && context.global.progress !== 'quiet') {
        context.stderr.write(`${config.name} is being stopped; it boots once that is over\n`);
      }
      const result = await connection.request('up', { config, organs, noDeps, fresh }, isEnding ? null : UP_TIMEOUT_MS);
      if (!isResumed(connection)) return result;
      const { organs: all } = await connection.request('status', null);
      const starting = all.filter(({ desired }) => desired === 'up').map(({ instance }) => instance);
      return { ...result, booted: true, since: 0, starting };
    },
  );
  const { connection, answer } = asked;
  const { progress } = context.global;
  if (isResumed(connection) && connection.hello.bootId !== null && progress !== 'json' && progress !== 'quiet') {
    context.stderr.write(
      `${context.stderr.style.yellow('azora:')} ${takenOver(first.hello.pid, connection.hello.pid)}\n`,
    );
  }
  return { connection, result: answer };
}

/** Before anything is started: the supervisor would refuse all the same. */
function refuseEmergency(folder: StateFolder): void {
  const latch = readLatch(folder);
  if (!latch) return;
  fail(
    'emergency',
    `nothing starts after the emergency shutdown of ${latch.at}: ${latch.reason}`,
    `${latch.report ? `Read ${latch.report}, then: ` : ''}azora emergency --clear   or   azora up --clear-emergency`,
  );
}

async function load(
  { cwd, env }: CommandContext,
  file: string,
  folder: StateFolder,
  { profiles }: UpWish,
): Promise<LoadResult & { readonly parsed: ParsedBefore }> {
  const { loadConfig, ParsedBefore } = await import('../../adapters/config/load.ts');
  const parsed = new ParsedBefore(folder.parsedBefore);
  return { ...(await loadConfig({ file, cwd, env, parsed, ...(profiles !== null && { profiles }) })), parsed };
}

/** The configuration, with its warnings said; or `config-invalid` with everything that is wrong. */
async function usable({ stderr, global }: CommandContext, loaded: LoadResult): Promise<SystemConfig> {
  if (!loaded.ok) {
    const { renderProblems } = await import('../../adapters/config/render-problems.ts');
    const text = renderProblems(loaded.problems, { color: stderr.style.level > 0 });
    const n = loaded.problems.length;
    return fail(
      'config-invalid',
      `${loaded.file} has ${n === 1 ? 'an error' : `${n} errors`}, nothing was started\n${indent(text, '  ')}`,
    );
  }
  if (global.progress !== 'quiet') {
    for (const warning of loaded.warnings) stderr.write(`${stderr.style.yellow('azora:')} ${warning}\n`);
  }
  return loaded.config;
}

/** Organs and their instances, which may be named too; those of other profiles get a word of their own. */
function known(config: SystemConfig): Set<string> {
  return new Set(Object.values(config.organs).flatMap((organ) => [organ.name, ...instanceNames(organ)]));
}

/** `mint`, or `mint-1`, `mint-2` when it has replicas. */
export function instanceNames({ name, replicas, autoscale }: SystemConfig['organs'][string]): string[] {
  if (replicas === 1 && autoscale === null) return [name];
  return Array.from({ length: replicas }, (_, index) => `${name}-${index + 1}`);
}

function assertSameSystem({ hello }: Connection, config: SystemConfig): void {
  if (hello.bootId === null || hello.file === config.file) return;
  fail(
    'owned-by-another',
    `the system of ${hello.file} runs in this state folder (supervisor pid ${hello.pid}), not that of ${config.file}`,
    `Choose another folder with --state-dir, or stop it first: azora --file ${hello.file} down`,
  );
}

function warnOfChanges({ stderr, global }: CommandContext, { changed, plan }: UpResult): void {
  if (global.progress === 'quiet') return;
  if (plan && !isEmptyPlan(plan)) stderr.write(`${renderPlan(plan, stderr)}\n`);
  if (changed.length === 0) return;
  const verb = changed.length === 1 ? 'has' : 'have';
  stderr.write(
    `${stderr.style.yellow('azora:')} ${list(changed)} ${verb} changed in the file since the system was started, and run as before\n` +
      '  To apply that: azora reload (azora plan shows what it would do)\n',
  );
}
