import { existsSync, readFileSync } from 'node:fs';
import { readProc } from '../adapters/proc-file.ts';
import type { Identity } from './protocol.ts';

/** Who a process is, beyond its number, which the kernel gives out again. */

export const HAS_PROC = existsSync('/proc/self/stat');

export interface ProcStat extends Identity {
  readonly name: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Ended, and waits for its parent to notice. */
  readonly dead: boolean;
}

/** Loaded where there is no /proc only: this file is part of every command, and that takes as long as a tenth of Node. */
const childProcess = () => process.getBuiltinModule('node:child_process');

/** Reads /proc/<pid>/stat; null when there is no such process. Throws when it cannot be known (no file descriptors left …). */
export function readStat(pid: number): ProcStat | null {
  let text: string;
  try {
    text = readProc(`/proc/${pid}/stat`);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
  return parseStat(pid, text);
}

/** proc_pid_stat(5). The name may hold spaces and brackets: fields are counted from the last bracket. */
export function parseStat(pid: number, text: string): ProcStat {
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const state = fields[0];
  return {
    pid,
    name: text.slice(text.indexOf('(') + 1, close),
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    // A leader thread that ended before its other threads is shown as a zombie too, but the process lives.
    dead: (state === 'Z' || state === 'X') && Number(fields[17]) <= 1,
    startTime: fields[19]!,
  };
}

/** The kernel's start time of a living or just ended process; null when there is none. */
export function startTimeOf(pid: number): string | null {
  if (HAS_PROC) return readStat(pid)?.startTime ?? null;
  try {
    return (
      childProcess()
        .execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', timeout: 2000 })
        .trim() || null
    );
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 1) return null; // ps: no such process
    throw error;
  }
}

/** As `startTimeOf`; null also when the machine would not say (no file descriptors left): such a process is never signalled by its number. */
export function startTimeIfKnown(pid: number): string | null {
  try {
    return startTimeOf(pid);
  } catch {
    return null;
  }
}

/**
 * Whether that very process still lives. `unknown` when the machine would not say: then it must be neither signalled nor
 * declared dead.
 */
export function lifeOf(identity: Identity): 'alive' | 'gone' | 'unknown' {
  try {
    if (!HAS_PROC) return startTimeOf(identity.pid) === identity.startTime ? 'alive' : 'gone';
    const stat = readStat(identity.pid);
    return stat !== null && stat.startTime === identity.startTime && !stat.dead ? 'alive' : 'gone';
  } catch {
    return 'unknown';
  }
}

/** SIGKILLs that very process; nobody, when its number is another's by now or that cannot be known. false: it was not sent. */
export function killVerified(who: Identity): boolean {
  if (lifeOf(who) !== 'alive') return false;
  try {
    process.kill(who.pid, 'SIGKILL');
    return true;
  } catch {
    return false; // it ended in this very moment
  }
}

/** Changes with each boot of the machine: pids and start times of another boot say nothing. */
export function machineBootId(): string {
  return HAS_PROC
    ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    : childProcess().execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8', timeout: 2000 }).trim();
}

/** What a process runs, for messages: its command line, shortened, or its name where it has none. */
export function commandOf(stat: Pick<ProcStat, 'pid' | 'name'>): string {
  try {
    const line = readFileSync(`/proc/${stat.pid}/cmdline`, 'utf8').replace(/\0+$/, '').replaceAll('\0', ' ');
    return shorten(line) || `[${stat.name}]`;
  } catch {
    return `[${stat.name}]`; // it has just ended, or is another user's
  }
}

export const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 79)}…` : text);

const isGone = (error: unknown): boolean => {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ESRCH';
};

/** The machine would not let us look: nothing is known of what was looked for, least of all that it is not there. */
export const isShortage = (error: unknown): boolean => ['EMFILE', 'ENFILE', 'ENOMEM'].includes(codeOf(error));

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');
