import type { OrganConfig, SystemConfig } from '../config/model.ts';
import type { HealthRecord, Verdict } from '../health.ts';
import type { RestartHistory } from '../restart.ts';
import type { SecurityState } from '../security.ts';
import type { Desired, Exit, Phase, RunningStatus } from '../status.ts';
import type { Instant } from '../time.ts';

/**
 * Everything the supervisor knows, as one immutable value. What is desired, what is, and why are three fields of an instance;
 * what is true only in one state lives only in that state.
 */

/** One process life of an instance. */
export interface Life {
  readonly generation: number;
  readonly pid: number;
  readonly since: Instant;
}

/** What comes once the tree of a life is gone. */
export type AfterStop =
  /** Someone wanted it down. */
  | { readonly next: 'stopped' }
  /** Someone wanted it anew; no policy is asked. */
  | { readonly next: 'again' }
  /** It ended, or had to be ended: the restart policy decides. `success` as in restart.ts. */
  | { readonly next: 'policy'; readonly success: boolean; readonly cause: string };

export type State =
  /** Not running, and nobody wants it to; `reason` of the instance says why. */
  | { readonly tag: 'stopped' }
  /** Wanted, but what it depends on is not there yet. */
  | { readonly tag: 'waiting'; readonly since: Instant }
  /** The keeper has been asked to spawn. `stop` = it is to be ended as soon as it is there. */
  | { readonly tag: 'spawning'; readonly generation: number; readonly since: Instant; readonly stop: AfterStop | null }
  /** Alive, not ready: its probe has not passed yet, or `verify` runs. */
  | {
      readonly tag: 'starting';
      readonly life: Life;
      readonly stage: 'probing' | 'verifying';
      /** What the passing probe found. */
      readonly seen: HealthRecord | null;
    }
  | { readonly tag: 'ready'; readonly life: Life; readonly assumed: boolean }
  /** Being ended, or ended and its tree being cleared. */
  | {
      readonly tag: 'stopping';
      readonly life: Life;
      readonly since: Instant;
      readonly after: AfterStop;
      readonly exited: boolean;
    }
  /** To be started again at `until` (monotonic). */
  | { readonly tag: 'backoff'; readonly until: number }
  | { readonly tag: 'completed' }
  /** For good: until someone acts or the configuration changes. */
  | { readonly tag: 'failed'; readonly cause: string }
  /** Processes that could not be killed; never started beside itself. */
  | {
      readonly tag: 'stuck';
      readonly life: Life;
      readonly processes: readonly { readonly pid: number; readonly command: string }[];
    };

export type Tag = State['tag'];
export type In<T extends Tag> = Extract<State, { tag: T }>;

export interface Instance {
  readonly name: string;
  readonly organ: string;
  /** From 1. */
  readonly replica: number;
  readonly desired: Desired;
  readonly state: State;
  /** Why it is in this state, when that does not go without saying. */
  readonly reason: string | null;
  /** What its own checks and its own life say of it. */
  readonly health: HealthRecord;
  /** Why it is Degraded whatever its checks say, in this life: it uses more processor than it may. */
  readonly strain?: string | null;
  /** What is shown of its health: its own, or worse while something that it needs is not well; see verdict.ts. */
  readonly verdict: Verdict;
  /** The generation of the latest life; 0 before the first. */
  readonly generation: number;
  readonly restarts: number;
  readonly errors: number;
  readonly history: RestartHistory;
  readonly lastExit: Exit | null;
  /** When the latest start began, for "ready (240 ms)". */
  readonly startBegan: Instant | null;
  /** An end that waits for the instances that depend on this one to be gone first. */
  readonly stopWanted: AfterStop | null;
  /** How long this stop may take, where whoever asked said so. */
  readonly stopTimeoutMs: number | null;
  /** Some life of it was ready in this boot. */
  readonly wasReady: boolean;
  /** How often in a row the machine had no room for one more process. */
  readonly spawnRetries: number;
}

export interface Boot {
  readonly bootId: string;
  readonly startedAt: Instant;
  /** When `up` last began to start things: what "ready after" and the boot's deadline count from. */
  readonly bootingSince: Instant;
  readonly phase: Phase;
  /** Index into the steps (the file's, then azora's own two) that is under way; = number of steps when all are done. */
  readonly step: number;
  /** `--no-deps`: dependencies outside `wanted` are taken as given. */
  readonly noDeps: boolean;
  /** Organs that this boot is to start. */
  readonly wanted: ReadonlySet<string>;
  /** Whether `system-ready` was said in this boot. */
  readonly saidReady: boolean;
  /** How long each organ may take to stop, where whoever asked said so; else its own `stop.timeout`. */
  readonly stopTimeoutMs: number | null;
  /** The comprehensive checks of this boot, once run. */
  readonly checksPassed: boolean | null;
  /** The system's status when it began to stop, or worse since then; null before that. */
  readonly statusAtStop: RunningStatus | null;
}

export interface SystemState {
  /** How azora itself is: it may be slow, or unable to write its record. */
  readonly self: Verdict;
  readonly security: SecurityState;
  readonly config: SystemConfig;
  readonly boot: Boot;
  readonly instances: ReadonlyMap<string, Instance>;
  /** Instances on their way out: in the configuration no more, dropped as soon as nothing of them is left. */
  readonly retiring: ReadonlySet<string>;
}

/** The names of an organ's instances: `mint`, or `mint-1`, `mint-2` when it has replicas. */
export function instanceNames(organ: OrganConfig): string[] {
  if (organ.replicas === 1) return [organ.name];
  return Array.from({ length: organ.replicas }, (_, index) => `${organ.name}-${index + 1}`);
}

/** The life of an instance that has a process (or may still have some). */
export function lifeOf(instance: Instance): Life | null {
  return 'life' in instance.state ? instance.state.life : null;
}

/** Something of it runs or is about to. */
export function isAlive(instance: Instance): boolean {
  switch (instance.state.tag) {
    case 'spawning':
    case 'starting':
    case 'ready':
    case 'stopping':
    case 'stuck':
      return true;
    case 'stopped':
    case 'waiting':
    case 'backoff':
    case 'completed':
    case 'failed':
      return false;
  }
}

export const organOf = (system: SystemState, instance: Instance): OrganConfig => system.config.organs[instance.organ]!;
