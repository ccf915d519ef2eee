import type { LogLimits } from '../core/config/model.ts';

/**
 * What supervisor and keeper say to each other over `run/keeper.sock`. The keeper is the parent of every instance; it knows
 * organs only by the keys below, decides nothing, and outlives supervisors.
 *
 * Versions: within one `KEEPER_PROTOCOL` fields are only ever added. A supervisor that meets another number says so and leaves
 * the organs alone.
 */
export const KEEPER_PROTOCOL = 2;

/** Exit code of a supervisor that makes room for another version: the next one is started at once, and nobody has died. */
export const RETIRED = 75;

/** One process life of one instance. `generation` grows by one with each start of the instance within a boot. */
export interface LifeKey {
  readonly instance: string;
  readonly generation: number;
}

export interface SpawnRequest extends LifeKey {
  readonly organ: string;
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  /** Over what `inherit` has said. The keeper adds nothing but what the readiness channel needs (NODE_CHANNEL_FD). */
  readonly env: Readonly<Record<string, string>>;
  /** Also in `env` as AZORA_COOKIE: how escaped descendants are recognised. */
  readonly cookie: string;
  readonly logs: LogLimits;
  /** How the process itself may say that it is ready; the keeper tells `signalledReady`. */
  readonly readiness: ReadinessChannel | null;
  /** What its whole tree may use; absent = as much as it likes. */
  readonly limits?: Limits;
}

export interface Limits {
  /** Processors: 0.5 is half of one's time. */
  readonly cpu: number | null;
  /** Bytes. */
  readonly memory: number | null;
}

/** What became of a life's limits. */
export interface HeldLimits {
  /** Those that the kernel holds; the supervisor watches the others. */
  readonly held: readonly (keyof Limits)[];
  /** Why not all of them, and what would help. */
  readonly reason: string | null;
}

export type ReadinessChannel =
  | { readonly kind: 'fd'; readonly fd: number }
  | { readonly kind: 'ipc'; readonly message: string }
  | { readonly kind: 'log'; readonly pattern: string };

/** The process behind a life. `startTime` is the kernel's (field 22 of /proc/<pid>/stat; elsewhere ps lstart), never the clock. */
export interface Identity {
  readonly pid: number;
  readonly startTime: string;
}

export type SpawnResult =
  | ({
      readonly ok: true;
      /** epoch ms */
      readonly at: number;
      /** Only where limits were asked for. */
      readonly limits?: HeldLimits;
    } & Identity)
  | {
      readonly ok: false;
      /** `again` = the machine is short of processes or files for now (EAGAIN, EMFILE, ENOMEM); the rest will not get better. */
      readonly reason: 'not-found' | 'not-executable' | 'bad-cwd' | 'bad-interpreter' | 'too-big' | 'again' | 'other';
      readonly code: string;
      /** One sentence: "node: not found in PATH (/usr/bin:/bin)". */
      readonly message: string;
    };

export interface ExitRecord extends LifeKey {
  /** Grows by one per record of this keeper's journal, across keepers of one state folder. */
  readonly seq: number;
  readonly pid: number;
  /** Both null: the process was gone when a new keeper took over, and nobody saw how it ended. */
  readonly code: number | null;
  readonly signal: string | null;
  /** epoch ms */
  readonly at: number;
  /** The signal was one that azora sent. */
  readonly ours: boolean;
  /** The kernel's out-of-memory killer did it, as far as the machine lets us know. */
  readonly oomKilled: boolean;
  /** …because it went beyond this limit of its own (bytes), not because the machine had no more. */
  readonly memoryLimit?: number;
}

export interface Life extends LifeKey, Identity {
  readonly organ: string;
  readonly cookie: string;
  /** epoch ms */
  readonly startedAt: number;
  readonly exit: ExitRecord | null;
  /** It said that it was ready through its readiness channel. */
  readonly signalledReady: boolean;
  /** Adopted from a keeper that died: up to 64 KiB of output and the exit code may be lost. */
  readonly adopted: boolean;
  /** Only where it has limits. */
  readonly limits?: HeldLimits;
}

/** A process of a tree, as far as it costs little to tell. */
export interface TreeMember {
  readonly pid: number;
  readonly session: number;
  /** null: /proc tells it. */
  readonly command: string | null;
  /** It has certainly not run since the trees were asked for last: what it holds, it held then. */
  readonly asBefore: boolean;
}

export interface ProcessInfo {
  readonly pid: number;
  /** Its command, shortened, for messages. */
  readonly command: string;
}

export interface KeeperInfo {
  readonly protocol: number;
  readonly version: string;
  readonly pid: number;
  /** The machine's boot id; lives of another boot are dead. */
  readonly machineBootId: string;
  readonly spawner: 'posix_spawn' | 'child_process';
  readonly subreaper: boolean;
  /** Why it starts no supervisor any more of its own accord, since too many have died; null = it does. */
  readonly gaveUp?: string | null;
}

/** What the keeper answers. */
export type KeeperMethods = {
  /** First request on each connection. A second `supervisor` takes the first one's place. */
  hello: {
    params: {
      protocol: number;
      version: string;
      role: 'supervisor' | 'client';
      /** The supervisor's own: one that the keeper did not start itself must never be signalled either. */
      pid?: number;
    };
    result: KeeperInfo;
  };
  /** Every life that runs, and every exit that has not been forgotten. */
  lives: { params: null; result: readonly Life[] };
  /** The environment that all have in common which this supervisor has spawned from now on: it is most of each. */
  inherit: { params: { env: Readonly<Record<string, string>> }; result: null };
  spawn: { params: SpawnRequest; result: SpawnResult };
  /** Sends a signal to the process group of a life (SIGCONT after SIGTERM is the caller's business). false: it is gone. */
  signal: {
    params: LifeKey & { signal: string /** leader only, not its group */; leaderOnly?: boolean };
    result: boolean;
  };
  /** Sends these signals, one after the other, to the process group of a life, and answers as `awaitTreeGone` does. */
  stopTree: {
    params: LifeKey & { signals: readonly string[]; timeoutMs: number };
    result: readonly ProcessInfo[];
  };
  /** Who is left of a life's tree: group, session, descendants, cookie. The leader, while it lives, comes first. */
  tree: { params: LifeKey; result: readonly ProcessInfo[] };
  /** Who is in each of these trees, for whoever looks at them all from time to time. */
  trees: { params: { lives: readonly LifeKey[] }; result: readonly (readonly TreeMember[])[] };
  /**
   * SIGKILLs the whole tree and whatever it forks meanwhile, until it is empty or `timeoutMs` have passed; what could not be
   * killed is the answer.
   */
  killTree: { params: LifeKey & { timeoutMs: number }; result: readonly ProcessInfo[] };
  /**
   * Signals every member of the tree, once (escaped descendants too), and answers whom. An empty answer = the tree is empty.
   */
  signalTree: { params: LifeKey & { signal: string }; result: readonly ProcessInfo[] };
  /** Resolves when the life's tree is empty or after `timeoutMs`; answers who is left. The keeper looks when a child of its
   *  dies and, for what it cannot be told of, at growing intervals. */
  awaitTreeGone: { params: LifeKey & { timeoutMs: number }; result: readonly ProcessInfo[] };
  /** The supervisor has recorded the exits up to `seq` and what is left of `instances`: the keeper may drop them. */
  forget: { params: { lives: readonly LifeKey[] }; result: null };
  /** From a client: makes sure that a supervisor runs; resolves once it has said hello (or with the reason why it cannot). */
  ensureSupervisor: { params: null; result: { pid: number } };
  /** From now on supervisors are started by this command: that of another, newer installation, perhaps. */
  successor: { params: { command: readonly [string, ...string[]] }; result: null };
  /** The system is down: end the keeper. Refused while lives run, naming them. */
  shutdown: { params: null; result: null };
};

/** What the keeper tells the supervisor unasked. */
export type KeeperNotices = {
  /** Sent after the last byte of output that could be had was written to the log. */
  /** `alone`: nothing else was in its tree. Told only where that is known at once, and of no end that azora asked for. */
  exited: ExitRecord & { readonly alone?: true };
  signalledReady: LifeKey & { at: number /** the matching line, for `log` */; detail: string | null };
  /** Output of this instance cannot be kept in full: disk full, folder removed …; `lostBytes` since the last word. */
  logTrouble: { instance: string; message: string; lostBytes: number };
  /** …and can again. */
  logRecovered: { instance: string };
};
