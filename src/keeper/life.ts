import type { LifeCgroup } from './cgroups.ts';
import { markFor, type Root } from './family.ts';
import type { Birth, RememberedLife } from './journal.ts';
import type { ExitRecord, HeldLimits, Identity, LifeKey, Life as WireLife } from './protocol.ts';

/** One process life of one instance, from its spawn until it is forgotten. */
export class Life implements Root, LifeKey {
  readonly instance: string;
  readonly generation: number;
  readonly birth: Birth;
  readonly pid: number;
  readonly startTime: string;
  readonly startedAt: number;
  readonly mark: bigint;
  readonly ownChild: boolean;
  readonly adopted: boolean;
  /** Signals that azora sent it. */
  readonly sent = new Set<string>();
  /** What holds it to its limits. */
  cgroup: LifeCgroup | null = null;
  /** null: it has none. */
  limits: HeldLimits | null = null;
  known: ReadonlyMap<number, string> = new Map();
  /** See `Root`. */
  isHistory = false;
  exit: ExitRecord | null;
  signalledReady: boolean;

  constructor(
    key: LifeKey,
    birth: Birth,
    identity: Identity,
    facts: Pick<RememberedLife, 'startedAt' | 'adopted' | 'signalledReady' | 'exit'> & { ownChild: boolean },
  ) {
    this.instance = key.instance;
    this.generation = key.generation;
    this.birth = birth;
    this.pid = identity.pid;
    this.startTime = identity.startTime;
    this.startedAt = facts.startedAt;
    this.adopted = facts.adopted;
    this.signalledReady = facts.signalledReady;
    this.exit = facts.exit;
    this.ownChild = facts.ownChild;
    this.mark = markFor(birth.cookie);
  }

  get cookie(): string {
    return this.birth.cookie;
  }
  get ended(): boolean {
    return this.exit !== null;
  }
  get key(): LifeKey {
    return { instance: this.instance, generation: this.generation };
  }
  /** "mint (pid 4300)", for messages. */
  get title(): string {
    return `${this.instance} (pid ${this.pid})`;
  }

  toMemory(): RememberedLife {
    const { key, birth, pid, startTime, startedAt, adopted, signalledReady, exit } = this;
    return { ...key, ...birth, identity: { pid, startTime }, startedAt, adopted, signalledReady, exit };
  }

  toWire(): WireLife {
    return {
      ...this.key,
      pid: this.pid,
      startTime: this.startTime,
      organ: this.birth.organ,
      cookie: this.cookie,
      startedAt: this.startedAt,
      exit: this.exit,
      signalledReady: this.signalledReady,
      adopted: this.adopted,
      ...(this.limits ? { limits: this.limits } : {}),
    };
  }
}
