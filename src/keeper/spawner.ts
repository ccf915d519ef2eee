import type { Libc } from '../adapters/libc.ts';
import type { Reaped } from '../adapters/posix-spawn.ts';
import { createChildProcessSpawner } from './spawn-child-process.ts';
import { createPosixSpawner } from './spawn-posix.ts';

/** One way to make a process. Two exist; the same tests run over both. */
export interface Spawner {
  readonly kind: 'posix_spawn' | 'child_process';
  /** Escaped descendants become children of this process. */
  readonly subreaper: boolean;
  /** Each child inherits a number of its life's own, which no exec, fork or emptied environment takes from it. */
  readonly marks: boolean;
  /** How many may be started before the event loop must have its turn. */
  readonly sliceMs: number;
  spawn(plan: SpawnPlan): SpawnOutcome | Promise<SpawnOutcome>;
  /** Creates FIFOs, private to this user. Throws the system's error. */
  makeFifos(paths: readonly string[]): void;
}

export interface SpawnPlan {
  /** Absolute. */
  readonly file: string;
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /**
   * The child's stdout and stderr: a descriptor of this process, or the path of a file that the child opens for reading and writing by
   * itself. stdin is /dev/null.
   */
  readonly stdout: number | string;
  /** `same`: as stdout. */
  readonly stderr: number | string | 'same';
  /** One more descriptor: `source` of this process becomes `target` of the child. */
  readonly extra: { readonly target: number; readonly source: number } | null;
  /** Opens Node's own message channel and hears what comes over it. */
  readonly onMessage: ((message: unknown) => void) | null;
  /** See `Spawner.marks`; null inherits this process's. */
  readonly mark: bigint | null;
}

export type SpawnOutcome =
  /** `startTime` null: it cannot be known. */
  | { readonly pid: number; readonly startTime: string | null }
  /** `code`: the system's name of the error. */
  | { readonly pid: null; readonly code: string };

/** Hears of children that ended, in the order in which they were reaped; with a subreaper also of adopted strangers. */
export type OnReaped = (batch: readonly Reaped[]) => void;

/**
 * posix_spawn where koffi loads on Linux, else Node's child_process. AZORA_SPAWNER=child_process forces the latter.
 */
export function createSpawner(libc: Libc | null, onReaped: OnReaped): Spawner {
  const posix =
    libc && process.platform === 'linux' && process.env.AZORA_SPAWNER !== 'child_process'
      ? createPosixSpawner(libc, onReaped)
      : null;
  return posix ?? createChildProcessSpawner(onReaped);
}

/** The descriptor on which a child finds Node's message channel. */
export const CHANNEL_FD = 3;
