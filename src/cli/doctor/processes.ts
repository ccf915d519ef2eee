import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { monotonic } from '../../adapters/clock.ts';
import { type StateFolder, stateFolder } from '../../adapters/state-folder.ts';
import { markFor } from '../../keeper/family.ts';
import { commandOf, HAS_PROC, lifeOf, machineBootId, type ProcStat } from '../../keeper/identity.ts';
import { replay } from '../../keeper/journal.ts';
import { cookieOf, markOf, readProcessTable } from '../../keeper/process-table.ts';
import { list } from '../render/text.ts';
import type { Finding, Looked } from './finding.ts';
import { lockHeldBy } from './state.ts';

/** Asked to end first; what has not by then is killed. */
const GRACE_MS = 3_000;
/** A system that is just starting has made its folder and not opened anything in it yet. */
const FRESH_MS = 10 * 60_000;

/**
 * What earlier lives of this system have left on the machine: processes that carry the cookie or the mark of one of its lives
 * while no keeper minds them, and folders of FIFOs that nobody has open.
 */
export async function lookAtProcesses(folder: StateFolder, takeOver: () => Promise<void>): Promise<Looked> {
  if (!HAS_PROC || !existsSync(folder.root)) return { findings: [], fine: [] };
  const isMinded = lockHeldBy(folder.keeperLock) !== null;
  const known = livesOf(folder);
  const all = (await readProcessTable()).rows;
  const stray = [...all.values()].filter((process) => !process.dead && isStray(process, folder.root, known, isMinded));
  const findings = [
    ...strayFinding(stray, folder, isMinded, takeOver),
    ...fifoFolders(folder, isMinded || stray.length > 0),
  ];
  return { findings, fine: findings.length === 0 ? ['no processes left behind'] : [] };
}

interface KnownLives {
  readonly cookies: ReadonlySet<string>;
  readonly marks: ReadonlySet<bigint>;
}

/** Of this boot of the machine; another's are dead, and their numbers say nothing. */
function livesOf({ journal }: StateFolder): KnownLives {
  const text = existsSync(journal) ? readFileSync(journal, 'utf8') : '';
  const { machineBootId: boot, lives } = replay(text);
  const cookies = boot === machineBootId() ? lives.map(({ cookie }) => cookie) : [];
  return { cookies: new Set(cookies), marks: new Set(cookies.map(markFor)) };
}

/** While a keeper runs, the lives of its journal are its business; a cookie that it does not know is nobody's. */
function isStray({ pid }: ProcStat, root: string, known: KnownLives, isMinded: boolean): boolean {
  const cookie = cookieOf(pid);
  const mark = markOf(pid);
  const isKnown = (cookie !== null && known.cookies.has(cookie)) || (mark !== null && known.marks.has(mark));
  if (isKnown) return !isMinded;
  return cookie !== null && stateDirOf(pid) === root;
}

function stateDirOf(pid: number): string | null {
  try {
    return /(?:^|\0)AZORA_STATE_DIR=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1] ?? null;
  } catch {
    return null; // It ended meanwhile, or is another user's.
  }
}

function strayFinding(
  stray: readonly ProcStat[],
  folder: StateFolder,
  isMinded: boolean,
  takeOver: () => Promise<void>,
): Finding[] {
  if (stray.length === 0) return [];
  const named = list(
    stray.map((process) => `${process.pid} (${commandOf(process)})`),
    8,
  );
  // From `up` to `down` the boot document is there: the system is meant to run, and only its keeper was killed.
  if (!isMinded && existsSync(folder.bootDocument)) {
    return [
      {
        id: 'no-keeper',
        level: 'problem',
        what: `the keeper was killed, and these processes of the system live on without it: ${named}`,
        why: 'nobody keeps their output, sees them end, or starts them again; once a pipe is full they stand still',
        fix: 'start a keeper and a supervisor, which take them over (as every azora command does)',
        repair: takeOver,
      },
    ];
  }
  return [
    {
      id: 'left-behind',
      level: 'problem',
      what: `${stray.length} of this system's processes run although it is down: ${named}`,
      why: 'they hold ports and files, and would stand beside the ones that the next boot starts',
      fix: 'end them: SIGTERM, and SIGKILL after 3 s',
      repair: () => endAll(stray),
    },
  ];
}

/** Each only while it is that very process still: number, start time, and not dead. */
async function endAll(processes: readonly ProcStat[]): Promise<void> {
  const alive = (): ProcStat[] => processes.filter((process) => lifeOf(process) === 'alive');
  const signal = (name: 'SIGTERM' | 'SIGKILL'): void => {
    for (const { pid } of alive()) {
      try {
        process.kill(pid, name);
      } catch {
        // It ended between the two lines, or is another user's: then it is named below.
      }
    }
  };
  signal('SIGTERM');
  const deadline = monotonic() + GRACE_MS;
  while (alive().length > 0 && monotonic() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  signal('SIGKILL');
  const last = monotonic() + 1000;
  while (alive().length > 0 && monotonic() < last) await new Promise((resolve) => setTimeout(resolve, 20));
  const left = alive().map(({ pid }) => pid);
  if (left.length > 0) throw new Error(`still there: ${left.join(', ')}`);
}

function fifoFolders({ run, keeperLock }: StateFolder, isInUse: boolean): Finding[] {
  const link = linkOf(join(run, 'fifos'));
  const findings: Finding[] = [];
  if (link !== null && !isInUse) {
    findings.push({
      id: 'stale-fifos',
      level: 'problem',
      what: `${link} holds the pipes of this system, which runs no more`,
      why: 'its keeper was killed before it could remove them; they take up memory',
      fix: 'remove it',
      repair: () => {
        // One may have been started meanwhile, which takes it as it is.
        if (lockHeldBy(keeperLock) !== null) return;
        rmSync(link, { recursive: true, force: true });
        rmSync(join(run, 'fifos'), { force: true });
      },
    });
  }
  const others = othersFolders().filter((path) => path !== link);
  if (others.length > 0) {
    findings.push({
      id: 'stale-fifos-of-others',
      level: 'note',
      what: `${list(others, 3)} hold the pipes of other systems of yours, which run no more`,
      why: 'their keepers were killed before they could remove them; they take up memory',
      fix: 'remove them',
      repair: () => {
        for (const path of othersFolders()) if (path !== link) rmSync(path, { recursive: true, force: true });
      },
    });
  }
  return findings;
}

/** Those of no living keeper, which nobody has open. */
function othersFolders(): string[] {
  const places = [process.env.XDG_RUNTIME_DIR, '/dev/shm'].filter((place) => place !== undefined);
  const candidates = places.flatMap((place) => foldersIn(place));
  if (candidates.length === 0) return [];
  const used = foldersInUse();
  return candidates.filter((path) => !used.has(basename(path)));
}

/** Folders that a keeper of this user made, not just now. */
function foldersIn(place: string): string[] {
  try {
    return readdirSync(place)
      .filter((name) => /^azora-[0-9a-f]{16}$/.test(name))
      .map((name) => join(place, name))
      .filter((path) => {
        const stat = lstatSync(path);
        return (
          stat.isDirectory() &&
          stat.uid === process.getuid?.() &&
          Date.now() - stat.mtimeMs > FRESH_MS &&
          // A run folder with a short name may be there too.
          readdirSync(path).every((name) => statSync(join(path, name)).isFIFO())
        );
      });
  } catch {
    return []; // No such place on this system.
  }
}

/** By name: those of every keeper that lives, and of all pipes that some process of this user has open. */
function foldersInUse(): Set<string> {
  const found = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const [, root] = /^azora keeper (\/.*?)\0*$/s.exec(textOf(`/proc/${pid}/cmdline`)) ?? [];
    if (root !== undefined) found.add(basename(linkOf(join(stateFolder(root).run, 'fifos')) ?? ''));
    for (const fd of filesIn(`/proc/${pid}/fd`)) {
      const [, folder] = /\/(azora-[0-9a-f]{16})\/[^/]*$/.exec(linkOf(`/proc/${pid}/fd/${fd}`) ?? '') ?? [];
      if (folder !== undefined) found.add(folder);
    }
  }
  return found;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // It ended meanwhile, or is another user's.
  }
}

function filesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // It ended meanwhile, or is another user's.
  }
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null; // It ended meanwhile, or there is none.
  }
}
