import { readProc } from './proc-file.ts';

/** What a process uses. */
export interface ProcessStats {
  /** Processor time since it started, ms. */
  readonly cpuMs: number;
  /** Of its children, and theirs, that ended and were waited for. */
  readonly endedChildrenMs: number;
  readonly rssBytes: number;
  /** Of that, what is not a file's and not shared by intent. */
  readonly anonymousBytes: number;
}

/** Linux counts processor time in ticks of 1/100 s for every program (USER_HZ), whatever the kernel's own rate. */
const TICK_MS = 10;

/** Reads what a process uses, or null where the system has no /proc or the process is gone. */
export function processStats(pid: number): ProcessStats | null {
  try {
    const [, , shared = 0] = readProc(`/proc/${pid}/statm`).split(' ', 3).map(Number); // pages
    const { rssBytes, ...times } = statOf(pid);
    return { ...times, rssBytes, anonymousBytes: Math.max(0, rssBytes - shared * pageBytes()) };
  } catch {
    // Gone meanwhile, or a system without /proc: there is no figure, and that is what is shown.
    return null;
  }
}

function statOf(pid: number): Omit<ProcessStats, 'anonymousBytes'> {
  const stat = readProc(`/proc/${pid}/stat`);
  // The command's name may hold anything, parentheses too: the fields begin after its last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 22);
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    endedChildrenMs: (Number(fields[13]) + Number(fields[14])) * TICK_MS,
    rssBytes: Number(fields[21]) * pageBytes(),
  };
}

/** What several processes use together. */
export interface Load {
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

/**
 * Memory that processes share (the program's text, what a fork has not written to yet) is counted once, at its largest: a sum
 * of resident sizes would punish whoever forks. Processor time includes that of children which ended, where they were waited for.
 */
export function together(stats: readonly ProcessStats[]): Load {
  return {
    cpuMs: stats.reduce((sum, { cpuMs, endedChildrenMs }) => sum + cpuMs + endedChildrenMs, 0),
    memoryBytes:
      stats.reduce((sum, { anonymousBytes }) => sum + anonymousBytes, 0) +
      Math.max(...stats.map(({ rssBytes, anonymousBytes }) => rssBytes - anonymousBytes)),
  };
}

/**
 * What a process and its descendants use, those that were started by a main thread and have not left it (a shell's programs, a
 * server's workers); null where the system has no /proc or the process is gone.
 */
export function familyLoad(pid: number): Load | null {
  const open = childrenOfMainThread(pid);
  if (open.length === 0) return loadOfOne(pid); // as of most: what it shares is nobody else's in the family
  const own = processStats(pid);
  if (!own) return null;
  const stats = [own];
  for (let child = open.pop(); child !== undefined; child = open.pop()) {
    const found = processStats(child);
    if (found) stats.push(found);
    open.push(...childrenOfMainThread(child));
  }
  return together(stats);
}

function loadOfOne(pid: number): Load | null {
  try {
    const { cpuMs, endedChildrenMs, rssBytes } = statOf(pid);
    return { cpuMs: cpuMs + endedChildrenMs, memoryBytes: rssBytes };
  } catch {
    return null; // as above
  }
}

/** Needs CONFIG_PROC_CHILDREN; without it nobody has children. */
function childrenOfMainThread(pid: number): number[] {
  try {
    const text = readProc(`/proc/${pid}/task/${pid}/children`).trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return []; // gone meanwhile
  }
}

let page = 0;

/** The kernel's own word for its pages: their size differs between machines of one kind (arm64 has 4, 16 and 64 KB). */
function pageBytes(): number {
  page ||= Number(/^KernelPageSize:\s+(\d+) kB/m.exec(readProc('/proc/self/smaps'))?.[1]) * 1024;
  return page;
}
