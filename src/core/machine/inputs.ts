import type { SystemConfig } from '../config/model.ts';
import type { Observation, Verdict } from '../health.ts';
import type { Decision, Finding } from '../security.ts';
import type { Instant } from '../time.ts';

/** What happens to one instance. `generation` names the life that it is about; what comes late is dropped. */
export type InstanceInput =
  | { readonly type: 'spawned'; readonly generation: number; readonly pid: number }
  | {
      readonly type: 'spawnFailed';
      readonly generation: number;
      /** true: the machine was short of something; trying again later is sensible. */
      readonly again: boolean;
      /** It is a failed start like any other (its `pre_start` failed): the restart policy is asked. */
      readonly failedStart?: true;
      readonly message: string;
    }
  | { readonly type: 'signalledReady'; readonly generation: number }
  | { readonly type: 'probed'; readonly generation: number; readonly observation: Observation }
  /** None of its checks has come to an end for so long, in which it was asked all the time. */
  | { readonly type: 'unheard'; readonly generation: number; readonly forMs: number }
  | { readonly type: 'verified'; readonly generation: number; readonly passed: boolean; readonly message: string }
  | { readonly type: 'exited'; readonly generation: number; readonly exit: ExitSeen }
  /** The tree of the life is empty, or `left` could not be killed. */
  | {
      readonly type: 'gone';
      readonly generation: number;
      readonly left: readonly { readonly pid: number; readonly command: string }[];
    }
  /** It uses more than it may. */
  | { readonly type: 'exceeded'; readonly generation: number; readonly message: string }
  /** It uses more processor than it may, and nothing but that can be said of it; null: not any more. */
  | { readonly type: 'strained'; readonly generation: number; readonly reason: string | null }
  | { readonly type: 'elapsed'; readonly generation: number; readonly timer: InstanceTimer };

export interface ExitSeen {
  readonly code: number | null;
  readonly signal: string | null;
  /** Epoch ms. */
  readonly at: number;
  readonly pid: number;
  /** The signal was sent by azora. */
  readonly ours: boolean;
  readonly oomKilled: boolean;
  /** The limit (bytes) for which it was, where it is its own. */
  readonly memoryLimit?: number;
}

export type InstanceTimer = 'start-timeout' | 'assume-ready' | 'backoff' | 'spawn-again';

/** What happens to the system. */
export type SystemInput =
  | {
      readonly type: 'up';
      readonly config: SystemConfig;
      /** null: every autostarted organ. */
      readonly organs: readonly string[] | null;
      readonly noDeps: boolean;
      /** Organs that a user had stopped and that stay down. */
      readonly heldDown: readonly string[];
    }
  | { readonly type: 'down'; readonly reason: string /** null: each organ's own */; readonly timeoutMs: number | null }
  | {
      readonly type: 'act';
      readonly verb: 'start' | 'stop' | 'restart';
      readonly instances: readonly string[] /** instead of each organ's own */;
      readonly stopTimeoutMs?: number | null;
      /** Why; without it a user asked. */
      readonly reason?: string;
    }
  /** Another configuration for the running system; only what differs is touched. */
  | { readonly type: 'reload'; readonly config: SystemConfig; readonly heldDown: readonly string[] }
  /** The time of a scheduled task has come; `missed` times before it went by unseen. */
  | { readonly type: 'due'; readonly organ: string; readonly missed: number }
  /** What cannot wait any longer: SIGKILL to every tree, no order. */
  | { readonly type: 'force' }
  | { readonly type: 'checked'; readonly passed: boolean; readonly checks: readonly CheckOutcome[] }
  | { readonly type: 'bootTimeout' }
  /** Everything down, in order but within a deadline, and nothing up again until someone clears it. */
  | { readonly type: 'emergency'; readonly reason: string; readonly organ: string | null }
  | { readonly type: 'emergencyDeadline' }
  /** What a round of the security monitor found: all that is open now. */
  | { readonly type: 'findings'; readonly findings: readonly Finding[] }
  /** What the organ that was reported to answered; a text says why it is no decision. */
  | { readonly type: 'decision'; readonly answer: Decision | string }
  /** How azora itself is. */
  | { readonly type: 'self'; readonly verdict: Verdict }
  | { readonly type: 'instance'; readonly instance: string; readonly input: InstanceInput };

export interface CheckOutcome {
  readonly name: string;
  readonly organ: string | null;
  readonly passed: boolean;
  readonly durationMs: number;
  readonly message: string;
}

/** An input with what the core may not ask for itself. */
export interface Stamped<I> {
  readonly input: I;
  readonly at: Instant;
  /** In [0, 1). */
  readonly random: number;
}
