import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { lockHolder } from '../../src/adapters/lock.ts';
import type { InstanceStatus, StatusDocument } from '../../src/core/status.ts';
import { isAlive } from '../e2e/rig/processes.ts';
import type { System } from '../e2e/rig.ts';

/** What the tests of faults have in common: killing daemons, and looking at what they leave. */

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The same numbers for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Kills the present holder of a daemon's lock by SIGKILL and answers its pid once it is dead; null when none lives. */
export async function kill(system: System, who: 'supervisor' | 'keeper'): Promise<number | null> {
  const pid = daemonPid(system, who);
  if (pid === null) return null;
  process.kill(pid, 'SIGKILL');
  while (isAlive(pid)) await pause(1);
  return pid;
}

/** The living holder of the lock. */
export function daemonPid(system: System, who: 'supervisor' | 'keeper'): number | null {
  const pid = lockHolder(who === 'keeper' ? system.state.keeperLock : system.state.supervisorLock);
  return pid !== null && isAlive(pid) && commandLine(pid).includes(who) ? pid : null;
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it has just ended
  }
}

export const pidsOf = ({ organs }: StatusDocument): Record<string, number | null> =>
  Object.fromEntries(organs.map(({ instance, pid }) => [instance, pid]));

export const instanceIn = ({ organs }: StatusDocument, name: string): InstanceStatus =>
  organs.find(({ instance }) => instance === name)!;

/** Every row that a question about the system's record gives, also while it is written. */
export function query<Row>(system: System, sql: string): Row[] {
  const db = new Database(system.state.database, { readonly: true });
  try {
    return db.prepare(sql).all() as Row[];
  } finally {
    db.close();
  }
}

/**
 * The whole output of an instance, rotated files first. None of them may be compressed. Who has said nothing has no files, and a keeper
 * that is killed between two files leaves no current one.
 */
export function outputOf(system: System, organ: string, instance = organ): string {
  const folder = join(system.state.logs, organ);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const rotated = names.filter((name) => name.startsWith(`${instance}.out.`) && /\.\d+\.log$/.test(name)).sort();
  const current = names.filter((name) => name === `${instance}.out.log`);
  return [...rotated, ...current].map((name) => readFileSync(join(folder, name), 'utf8')).join('');
}

export interface Account {
  readonly lives: number;
  readonly lines: number;
  readonly lost: number;
  readonly doubled: number;
  readonly torn: number;
}

/** Accounts for every line of a `writes-numbers.mjs`: each life says how many there were. */
export function account(text: string): Account {
  const result = { lives: 0, lines: 0, lost: 0, doubled: 0, torn: 0 };
  let expected = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, begun] = /^begin (\d+)$/.exec(line) ?? [];
    const [, ended] = /^end (\d+)$/.exec(line) ?? [];
    const [, number] = /^(\d{9}) the quick brown fox jumps over$/.exec(line) ?? [];
    if (begun) {
      result.lives++;
      expected = 0;
    } else if (ended) {
      result.lost += Math.max(0, Number(ended) - expected);
    } else if (number) {
      result.lines++;
      if (Number(number) < expected) result.doubled++;
      else result.lost += Number(number) - expected;
      expected = Math.max(expected, Number(number) + 1);
    } else {
      result.torn++;
    }
  }
  return result;
}

/** Changes a limit of a living process; null lifts it as far as its hard limit goes. */
export function limit(pid: number, what: 'nproc' | 'nofile', soft: number | null): void {
  const name = { nproc: 'Max processes', nofile: 'Max open files' }[what];
  const hard = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))![1];
  const command = ['prlimit', '--pid', String(pid), `--${what}=${soft ?? hard}:${hard}`];
  // Even root may not, without a capability of its own; whose process it is always may.
  const owner = statSync(`/proc/${pid}`).uid;
  const [file, ...args] = owner === process.getuid?.() ? command : [...asUser(owner), ...command];
  execFileSync(file!, args);
}

/** What runs the command after it as another user; only root can. */
export const asUser = (id: number): string[] => ['setpriv', `--reuid=${id}`, `--regid=${id}`, '--clear-groups', '--'];

/** Who is nobody in particular: no file is its, and no limit is lifted for it. */
export const NOBODY = 65534;

/**
 * A program that is azora run by somebody whom limits and modes bind, with the system's folder as its own: what this process runs as,
 * unless that is root. null where another user cannot read this checkout.
 */
export function asOrdinaryUser(system: System): string | null {
  const azora = resolve(process.env.AZORA_BIN ?? join(import.meta.dirname, '../../bin/azora'));
  if (process.getuid?.() !== 0) return azora;
  for (const name of ['', ...readdirSync(system.folder)]) chownSync(join(system.folder, name), NOBODY, NOBODY);
  const [file, ...args] = [...asUser(NOBODY), 'env', `HOME=${system.folder}`, azora];
  if (spawnSync(file!, [...args, '--version'], { cwd: system.folder }).status !== 0) return null;
  system.write('azora-of-nobody', `#!/bin/sh\nexec ${[file, ...args].join(' ')} "$@"\n`);
  return system.path('azora-of-nobody');
}
