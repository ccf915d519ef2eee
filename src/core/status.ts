/** The words in which azora says how things are, and the document of `azora status --json`. */

export type Health = 'Unknown' | 'Healthy' | 'Degraded' | 'Critical';
export type SystemStatus = 'Operational' | 'Degraded' | 'Critical' | 'Offline';
/** Of a system that runs. */
export type RunningStatus = Exclude<SystemStatus, 'Offline'>;
export type Phase = 'booting' | 'ready' | 'boot-failed' | 'stopping' | 'stopped' | 'emergency' | 'halted';
export type InstanceState =
  | 'stopped'
  | 'waiting'
  | 'starting'
  | 'ready'
  | 'stopping'
  | 'backoff'
  | 'completed'
  | 'failed'
  | 'stuck';
export type Desired = 'up' | 'down';

/** The reason of what has no probe: it is ready and Healthy as far as it is alive. */
export const ASSUMED = 'assumed: it has no probe';

/** How a process ended: one of code and signal is set; both are null when nobody could see it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** RFC 3339. */
  readonly at: string;
}

export interface StatusDocument {
  readonly version: 1;
  readonly system: {
    readonly name: string;
    readonly phase: Phase;
    readonly status: SystemStatus;
    readonly threatLevel: string;
    readonly bootId: string | null;
    readonly pid: number | null;
    readonly keeperPid: number | null;
    readonly startedAt: string | null;
    readonly uptimeMs: number | null;
    readonly file: string;
    readonly configHash: string | null;
    readonly registryUrl: string | null;
    /** What becomes of `resources`; only where something that runs has any. */
    readonly limits?: LimitsStatus;
  };
  readonly organs: readonly InstanceStatus[];
}

/** Limits that the kernel holds, and limits that azora watches because it does not, and why. */
export interface LimitsStatus {
  readonly held: readonly ('cpu' | 'memory')[];
  readonly watched: readonly ('cpu' | 'memory')[];
  readonly reason: string | null;
}

export interface InstanceStatus {
  readonly organ: string;
  readonly instance: string;
  readonly replica: number;
  readonly category: string | null;
  readonly kind: 'service' | 'task';
  readonly critical: boolean;
  readonly desired: Desired;
  readonly state: InstanceState;
  readonly health: Health;
  readonly reason: string | null;
  readonly pid: number | null;
  readonly startedAt: string | null;
  readonly uptimeMs: number | null;
  readonly restarts: number;
  /** Failed checks, failed starts and exits that nobody wanted, since boot. */
  readonly errors: number;
  readonly exit: Exit | null;
  readonly ports: Readonly<Record<string, number>>;
  readonly url: string | null;
  readonly cpuPercent: number | null;
  readonly rssBytes: number | null;
  readonly lastCheckAt: string | null;
  readonly latencyMs: number | null;
  readonly metrics: Readonly<Record<string, number>>;
}
