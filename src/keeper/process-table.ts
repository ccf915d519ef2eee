import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { PROC_BYTES, readProc } from '../adapters/proc-file.ts';
import { HAS_PROC, isShortage, type ProcStat, readStat } from './identity.ts';

/** All processes of the machine, read once for everybody who asks at the same time. */

export interface ProcessRow extends ProcStat {
  /** Where the table brings it along (ps). */
  readonly command: string | null;
}

/** One look at the machine. What it costs to ask is asked at most once per look. */
export class ProcessTable {
  readonly rows: ReadonlyMap<number, ProcessRow>;
  readonly #children = new Map<number, number[]>();
  readonly #evidence = new Map<number, { readonly cookie: string | null; readonly mark: bigint | null }>();

  constructor(rows: ReadonlyMap<number, ProcessRow>) {
    this.rows = rows;
    for (const { pid, parent } of rows.values()) {
      const list = this.#children.get(parent);
      if (list) list.push(pid);
      else this.#children.set(parent, [pid]);
    }
  }

  /** What a process carries of the life it comes from. */
  evidenceOf(pid: number): { readonly cookie: string | null; readonly mark: bigint | null } {
    let evidence = this.#evidence.get(pid);
    if (!evidence) {
      evidence = { cookie: cookieOf(pid), mark: markOf(pid) };
      this.#evidence.set(pid, evidence);
    }
    return evidence;
  }

  /** `tops` and all below them, without `barrier` and what is below it. */
  descendants(tops: readonly number[], barrier: number): Set<number> {
    const found = new Set<number>(tops);
    const open = [...tops];
    for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
      for (const child of this.#children.get(pid) ?? []) {
        if (child === barrier || found.has(child)) continue;
        found.add(child);
        open.push(child);
      }
    }
    return found;
  }
}

export async function readProcessTable(): Promise<ProcessTable> {
  return new ProcessTable(HAS_PROC ? readAll() : await readPs());
}

function readAll(): Map<number, ProcessRow> {
  const table = new Map<number, ProcessRow>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const stat = pid > 0 ? readStat(pid) : null;
    if (stat) table.set(pid, { ...stat, command: null });
  }
  return table;
}

/** Where there is no /proc (macOS). `sess` is an address there and matches nothing. */
export async function readPs(): Promise<Map<number, ProcessRow>> {
  const { execFile } = await import('node:child_process');
  const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid,ppid,pgid,sess,stat,lstart,command'], {
    timeout: 5000,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C' },
  });
  return parsePs(stdout);
}

/** lstart is five words: "Mon Nov 23 08:00:00 2026". */
const PS_LINE = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(\w+\s+\w+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/;

export function parsePs(text: string): Map<number, ProcessRow> {
  const table = new Map<number, ProcessRow>();
  for (const line of text.split('\n')) {
    const match = PS_LINE.exec(line);
    if (!match) continue;
    const [, pid, parent, group, session, state, startTime, command] = match;
    table.set(Number(pid), {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: Number(session),
      dead: state!.startsWith('Z'),
      startTime: startTime!,
      name: command!.split(' ')[0]!,
      command: command!,
    });
  }
  return table;
}

/** Callers that ask before a scan begins share it; nobody is given one that began before it asked. */
export class SharedTable {
  #next: Promise<ProcessTable> | null = null;
  #running: Promise<unknown> = Promise.resolve();

  read(): Promise<ProcessTable> {
    this.#next ??= this.#running
      .then(() => new Promise((turn) => setImmediate(turn)))
      .then(() => {
        this.#next = null;
        const scan = readProcessTable();
        this.#running = scan.catch(() => {}); // told to those who asked
        return scan;
      });
    return this.#next;
  }
}

/** The value of AZORA_COOKIE in a process's environment as it was at its exec; null where it cannot be read. */
export function cookieOf(pid: number): string | null {
  const environment = readOrNull(`/proc/${pid}/environ`);
  return environment === null ? null : (/(?:^|\0)AZORA_COOKIE=([^\0]*)/.exec(environment)?.[1] ?? null);
}

/** The mark that a process inherited (see spawn-posix.ts). */
export function markOf(pid: number): bigint | null {
  const value = /^Max file locks\s+(\d+)/m.exec(readOrNull(`/proc/${pid}/limits`) ?? '')?.[1];
  return value === undefined ? null : BigInt(value);
}

/** The children of every thread of a process. May miss one while another ends: look again after changes. */
export function childrenOf(pid: number): number[] {
  const children: number[] = [];
  for (const thread of readdirOrNone(`/proc/${pid}/task`)) children.push(...childrenOfThread(pid, thread));
  return children;
}

/** Children of one thread; those that this process spawned or was given as a subreaper belong to its main thread. */
export function childrenOfThread(pid: number, thread: number | string): number[] {
  const text = readOrNull(`/proc/${pid}/task/${thread}/children`)?.trim();
  return text ? text.split(' ').map(Number) : [];
}

/**
 * How much of the processors a process of one thread has had so far: as long as that stays the same it has not run, so that it has
 * neither opened nor forked anything. null: it has several threads, or the kernel does not count.
 */
export function runOf(pid: number): string | null {
  return readdirOrNone(`/proc/${pid}/task`).length === 1 ? readOrNull(`/proc/${pid}/schedstat`) : null;
}

/** Whether what `runOf` said of a process holds still. */
export const hasNotRunSince = (pid: number, run: string): boolean => readOrNull(`/proc/${pid}/schedstat`) === run;

function readOrNull(path: string): string | null {
  try {
    const head = readProc(path);
    // A list is cut between two of its numbers, not at the end of the buffer.
    return head.length < PROC_BYTES - 64 ? head : readFileSync(path, 'latin1');
  } catch (error) {
    if (isShortage(error)) throw error;
    return null; // the process ended, or is another user's
  }
}

function readdirOrNone(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isShortage(error)) throw error;
    return []; // the process ended
  }
}
