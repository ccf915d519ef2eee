import { existsSync } from 'node:fs';
import { crypto } from '../adapters/crypto.ts';
import { HAS_PROC, isShortage, type ProcStat, readStat } from './identity.ts';
import {
  childrenOf,
  childrenOfThread,
  cookieOf,
  hasNotRunSince,
  markOf,
  type ProcessTable,
  runOf,
  SharedTable,
} from './process-table.ts';
import type { Identity } from './protocol.ts';

/**
 * Which processes belong to a life: its tree.
 *
 * A subreaper knows for certain: whatever a child of ours started is a descendant of ours, and a top of each branch is either the
 * leader or was handed to us when its parent died. Whose it was tells the mark it inherited, else its cookie, else its session.
 * So it is enough to walk down from there, and no scan of the machine is needed.
 *
 * Without one (the fallback spawner, a life adopted from another keeper) all processes of the machine are looked at: group,
 * session, mark, cookie, what was seen to belong before, and the descendants of those.
 */

/** The life behind a tree. */
export interface Root extends Identity {
  readonly cookie: string;
  /** Derived from the cookie. */
  readonly mark: bigint;
  /** A child of this process. */
  readonly ownChild: boolean;
  /** Of another boot of the machine: no process of now belongs to it. */
  readonly isHistory?: boolean;
  /** The leader is gone. */
  readonly ended: boolean;
  /** Where it was born, with all that it forks. */
  readonly cgroup?: { readonly pids: () => readonly number[]; readonly kill: () => boolean } | null;
  /** Who was seen to belong: pid → start time. Kept by `Family`. */
  known: ReadonlyMap<number, string>;
}

export type Member = ProcStat & { readonly command?: string | null };

/** See `TreeMember`. */
type Glanced = Pick<Member, 'pid' | 'session' | 'name' | 'command'> & { readonly asBefore: boolean };
const asSeen = (member: Member): Glanced => ({ ...member, asBefore: false });

/** Below 2^57 and above anything a limit is set to in earnest. */
export const markFor = (cookie: string): bigint =>
  (1n << 56n) | BigInt(`0x${crypto().hash('sha256', cookie).slice(0, 14)}`);

export interface FamilyOptions {
  /** This process is a subreaper. */
  readonly subreaper: boolean;
  /** All lives that are not forgotten. */
  readonly roots: () => Iterable<Root>;
  /** The supervisor: a child, but not of a life, and never to be signalled; nor are its descendants. */
  readonly spared: () => number | null;
}

export class Family {
  readonly #options: FamilyOptions;
  readonly #walks: boolean;
  readonly #table = new SharedTable();
  /** Leaders that had no children when they were glanced at, and how much they had run. */
  readonly #asleep = new WeakMap<Root, string>();
  /** Branch tops for this turn of the event loop. */
  #tops: Map<Root | null, number[]> | null = null;

  constructor(options: FamilyOptions) {
    this.#options = options;
    // The children files need CONFIG_PROC_CHILDREN.
    this.#walks = options.subreaper && existsSync(`/proc/self/task/${process.pid}/children`);
  }

  /** Whether everything about this life's tree is told to us by the end of a child. */
  isCertain(root: Root): boolean {
    return this.#walks && root.ownChild;
  }

  /** Whether nothing is left of a life whose leader has just been reaped. false where that takes a look at the whole machine. */
  isAlone(root: Root): boolean {
    try {
      return this.isCertain(root) && this.#walk(this.#topsOf(root)).length === 0;
    } catch (error) {
      if (isShortage(error)) return false;
      throw error;
    }
  }

  /** A child ended: what was seen in this turn holds no more. */
  invalidate(): void {
    this.#tops = null;
  }

  /** Who lives in the tree, the leader first. */
  async membersOf(root: Root): Promise<Member[]> {
    if (root.isHistory) return [];
    const members = this.isCertain(root)
      ? this.#walk(this.#topsOf(root))
      : select(root, await this.#table.read(), this.#options.spared());
    root.known = new Map(members.map(({ pid, startTime }) => [pid, startTime]));
    return members.sort((a, b) => Number(b.pid === root.pid) - Number(a.pid === root.pid));
  }

  /**
   * As `membersOf`, for whoever asks of all lives from time to time: of a leader that lives nothing is looked up that is known anyway, and
   * of one that sleeps without children only that it still does.
   */
  async glanceAt(root: Root): Promise<Glanced[]> {
    if (root.ended || !this.isCertain(root)) return (await this.membersOf(root)).map(asSeen);
    const { pid } = root;
    const others = this.#topsOf(root).filter((each) => each !== pid);
    // It leads its session, which it cannot leave, from its birth on.
    const leader = { pid, session: pid, name: '' };
    const asleep = this.#asleep.get(root);
    if (asleep !== undefined && others.length === 0 && hasNotRunSince(pid, asleep))
      return [{ ...leader, asBefore: true }];
    const run = runOf(pid); // before its children: what it does from now on is seen the next time
    const below = this.#walk([...childrenOf(pid), ...others]);
    if (run !== null && below.length === 0) this.#asleep.set(root, run);
    else this.#asleep.delete(root);
    return [{ ...leader, asBefore: false }, ...below.map(asSeen)];
  }

  /** Children that came to us from no life that is remembered. */
  strangers(): Member[] {
    return this.#walks ? this.#walk(this.#findTops().get(null) ?? []) : [];
  }

  #topsOf(root: Root): number[] {
    if (!this.#tops) {
      this.#tops = this.#findTops();
      setImmediate(() => this.invalidate());
    }
    return this.#tops.get(root) ?? [];
  }

  /** Our children by life. A leader that ended and was not reaped yet is dead and does not count. */
  #findTops(): Map<Root | null, number[]> {
    const roots = [...this.#options.roots()];
    const leaders = new Map(roots.filter((root) => root.ownChild && !root.ended).map((root) => [root.pid, root]));
    const tops = new Map<Root | null, number[]>();
    for (const pid of ownChildren()) {
      if (pid === this.#options.spared()) continue;
      const root = leaders.get(pid) ?? ownerOf(pid, roots);
      if (root === undefined) continue;
      const list = tops.get(root);
      if (list) list.push(pid);
      else tops.set(root, [pid]);
    }
    return tops;
  }

  #walk(tops: readonly number[]): Member[] {
    const members: Member[] = [];
    const seen = new Set<number>();
    const open = [...tops];
    for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
      if (seen.has(pid)) continue;
      seen.add(pid);
      const stat = readStat(pid);
      if (!stat || stat.dead) continue;
      members.push(stat);
      open.push(...childrenOf(pid));
    }
    return members;
  }
}

/** The kernel's list may skip one while another leaves it: two readings must agree. */
function ownChildren(): number[] {
  let before = childrenOfThread(process.pid, process.pid);
  for (let tries = 0; tries < 5; tries++) {
    const now = childrenOfThread(process.pid, process.pid);
    if (now.length === before.length && now.every((pid, index) => pid === before[index])) return now;
    before = now;
  }
  return before;
}

/** Whose a process is that was handed to us; null: nobody's; undefined: it is gone. */
function ownerOf(pid: number, roots: readonly Root[]): Root | null | undefined {
  const stat = readStat(pid);
  if (!stat || stat.dead) return undefined;
  const mark = markOf(pid);
  const byMark = roots.find((root) => root.mark === mark);
  if (byMark) return byMark;
  const cookie = cookieOf(pid);
  return (
    roots.find((root) => root.cookie === cookie) ??
    roots.find((root) => stat.session === root.pid && isYounger(stat, root)) ??
    null
  );
}

/** Finds a tree among all processes of the machine. */
export function select(root: Root, table: ProcessTable, spared: number | null): Member[] {
  const { rows } = table;
  // The supervisor may have started this very process: what is ours is not its.
  const excluded = table.descendants(spared === null ? [] : [spared], process.pid);
  excluded.add(process.pid);
  const leader = rows.get(root.pid);
  // A number that another process has now says nothing as a group or session: the old ones are empty, or it were not free.
  const numberIsOurs = !leader || leader.startTime === root.startTime;
  const seeds: number[] = [];
  const inCgroup = new Set(root.cgroup?.pids());
  for (const row of rows.values()) {
    if (row.dead || row.pid <= 1 || excluded.has(row.pid) || !isYounger(row, root)) continue;
    const belongs =
      (row.pid === root.pid && row.startTime === root.startTime) ||
      (numberIsOurs && (row.group === root.pid || row.session === root.pid)) ||
      root.known.get(row.pid) === row.startTime ||
      inCgroup.has(row.pid) ||
      (HAS_PROC && (table.evidenceOf(row.pid).mark === root.mark || table.evidenceOf(row.pid).cookie === root.cookie));
    if (belongs) seeds.push(row.pid);
  }
  const members: Member[] = [];
  for (const pid of table.descendants(seeds, process.pid)) {
    const row = rows.get(pid);
    if (row && !row.dead && !excluded.has(pid)) members.push(row);
  }
  return members;
}

/** No descendant is older than its ancestor. Where start times are words (ps), everybody may be younger. */
function isYounger(process: Identity, root: Identity): boolean {
  return !HAS_PROC || Number(process.startTime) >= Number(root.startTime);
}
