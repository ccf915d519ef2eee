import { monotonic } from '../adapters/clock.ts';
import type { Family, Member, Root } from './family.ts';
import { commandOf, HAS_PROC, isShortage, lifeOf, shorten } from './identity.ts';
import type { ProcessInfo, TreeMember } from './protocol.ts';

/** Signals a life's whole tree and waits for its end. */

export type Signal = NodeJS.Signals;

/** Without news: how soon it is looked again, at first and at most. */
const POLL_MS = { first: 2, most: 100 } as const;
/** With a subreaper every end is news; this is only in case one was missed. */
const CERTAIN_POLL_MS = 250;
const KILL_POLL_MS = { first: 1, most: 20 } as const;

export class Trees {
  readonly #family: Family;
  readonly #spared: () => number | null;
  #waiting: { readonly root: Root; readonly wake: () => void }[] = [];

  constructor(family: Family, spared: () => number | null) {
    this.#family = family;
    this.#spared = spared;
  }

  /** A child ended: who waits for the end of a tree whose leader is gone looks again. */
  news(): void {
    this.#family.invalidate();
    const ended = this.#waiting.filter(({ root }) => root.ended);
    this.#waiting = this.#waiting.filter(({ root }) => !root.ended);
    for (const { wake } of ended) wake();
  }

  async list(root: Root): Promise<ProcessInfo[]> {
    return (await this.#family.membersOf(root)).map(describe);
  }

  async glanceAt(root: Root): Promise<TreeMember[]> {
    return (await this.#family.glanceAt(root)).map(({ pid, session, name, command, asBefore }) => {
      return { pid, session, command: HAS_PROC ? null : shorten(command ?? name), asBefore };
    });
  }

  /** Signals each member once. Answers whom. */
  async signal(root: Root, signal: Signal): Promise<ProcessInfo[]> {
    const members = await this.#family.membersOf(root);
    return members.filter((member) => this.send(member, signal)).map(describe);
  }

  /**
   * SIGKILLs the tree until it is empty or `timeoutMs` have passed; answers who is left. Whole process groups at a time, which
   * the kernel does in one step: a fork bomb cannot outrun it within its group.
   */
  async kill(root: Root, timeoutMs: number): Promise<ProcessInfo[]> {
    const deadline = monotonic() + timeoutMs;
    let pause: number = KILL_POLL_MS.first;
    for (;;) {
      const members = await this.#visible(root);
      if (members?.length === 0 && (await this.#isGone(root))) return [];
      // In one step, also of those who cannot be seen just now.
      if (members?.length !== 0) root.cgroup?.kill();
      if (members) this.killAll(members, root);
      if (monotonic() >= deadline) return this.list(root);
      await this.#newsWithin(root, Math.min(pause, deadline - monotonic()));
      pause = Math.min(pause * 2, KILL_POLL_MS.most);
    }
  }

  /** A group is killed as one where it was made inside the tree: its number is the pid of one who belongs. */
  killAll(members: readonly Member[], root: Root | null): void {
    const own = new Set(members.map(({ pid }) => pid));
    if (root) own.add(root.pid);
    const done = new Set<number>();
    for (const member of members) {
      if (done.has(member.group)) continue;
      // The living, verified member keeps the number from having become anybody else's.
      if (own.has(member.group) && this.send(member, 'SIGKILL', { group: true })) done.add(member.group);
      else this.send(member, 'SIGKILL');
    }
  }

  /** Resolves when the tree is empty, or with who is left after `timeoutMs`. */
  async gone(root: Root, timeoutMs: number): Promise<ProcessInfo[]> {
    const deadline = monotonic() + timeoutMs;
    const certain = this.#family.isCertain(root);
    let pause: number = certain ? CERTAIN_POLL_MS : POLL_MS.first;
    for (;;) {
      if (await this.#isGone(root)) return [];
      const left = deadline - monotonic();
      if (left <= 0) return this.list(root);
      await this.#newsWithin(root, Math.min(pause, left));
      if (!certain) pause = Math.min(pause * 2, POLL_MS.most);
    }
  }

  /**
   * Signals one process, or its group, if it is still that very process.
   * @param isOurs a child that has not been reaped: its number cannot be anybody else's, and to look would take longer than to signal
   */
  send(
    member: Pick<Member, 'pid' | 'startTime' | 'group'>,
    signal: Signal,
    { group = false, isOurs = false }: { readonly group?: boolean; readonly isOurs?: boolean } = {},
  ): boolean {
    const { pid } = member;
    if (pid <= 1 || pid === process.pid || pid === this.#spared() || (group && member.group <= 1)) return false;
    if (!isOurs && lifeOf(member) !== 'alive') return false;
    try {
      process.kill(group ? -member.group : pid, signal);
      return true;
    } catch {
      return false; // it ended in this very moment, or is not ours to signal: then it is named among those left
    }
  }

  /** A leader whose end was not published yet answers without a look at the machine. */
  async #isGone(root: Root): Promise<boolean> {
    return root.ended && this.isEmpty(root);
  }

  /** Nothing is left of it, and that is certain. */
  async isEmpty(root: Root): Promise<boolean> {
    return (await this.#visible(root))?.length === 0;
  }

  /** null: the machine has no means to look just now (no file descriptors), which says nothing about who is there. */
  async #visible(root: Root): Promise<Member[] | null> {
    try {
      return await this.#family.membersOf(root);
    } catch (error) {
      if (isShortage(error)) return null;
      throw error;
    }
  }

  #newsWithin(root: Root, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiter = {
        root,
        wake: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        resolve();
      }, ms);
      this.#waiting.push(waiter);
    });
  }
}

const describe = (member: Member): ProcessInfo => ({
  pid: member.pid,
  command: HAS_PROC ? commandOf(member) : shorten(member.command ?? member.name),
});
