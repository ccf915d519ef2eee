import type { ThreatLevel } from '../config/model.ts';
import type { NewEvent } from '../events.ts';
import type { Finding } from '../security.ts';
import type { InstanceTimer } from './inputs.ts';

/** What the core asks the world to do. Answers come back as inputs. */
export type Effect =
  | { readonly type: 'spawn'; readonly instance: string; readonly generation: number }
  /** It is not wanted any more while its `pre_start` may still run. */
  | { readonly type: 'abortStart'; readonly instance: string }
  /** Poll the readiness probe until told otherwise; each answer is a `probed`. */
  | { readonly type: 'awaitReady'; readonly instance: string; readonly generation: number }
  /** Probe at the organ's interval from now on. */
  | { readonly type: 'monitor'; readonly instance: string; readonly generation: number }
  | { readonly type: 'unwatch'; readonly instance: string }
  | { readonly type: 'verify'; readonly instance: string; readonly generation: number }
  /** The organ's own way to stop (command or signal, timeout), then SIGKILL to the tree; answered by `gone`. */
  | {
      readonly type: 'stopTree';
      readonly instance: string;
      readonly generation: number;
      /** null: the organ's own. */
      readonly timeoutMs: number | null;
    }
  /** SIGKILL to the tree at once; answered by `gone`. */
  | { readonly type: 'killTree'; readonly instance: string; readonly generation: number }
  | {
      readonly type: 'timer';
      readonly instance: string;
      readonly generation: number;
      readonly timer: InstanceTimer;
      readonly delayMs: number;
    }
  | { readonly type: 'cancel'; readonly instance: string; readonly timer: InstanceTimer }
  /** The boot's deadline, from now; null takes it away. */
  | { readonly type: 'bootDeadline'; readonly delayMs: number | null }
  | { readonly type: 'runChecks' }
  /** Rounds of the security monitor from now on. */
  | { readonly type: 'guard' }
  /** Report these findings to the organ that decides; answered by `decision`. */
  | { readonly type: 'escalate'; readonly findings: readonly Finding[]; readonly threatLevel: ThreatLevel }
  /** Keep, so that it outlives everything, that nothing may be started until someone clears it. */
  | { readonly type: 'latch'; readonly reason: string; readonly organ: string | null }
  | { readonly type: 'emergencyDeadline'; readonly delayMs: number }
  | { readonly type: 'emit'; readonly event: NewEvent }
  /** Everything is down: close the books and end. */
  | { readonly type: 'halt' };
