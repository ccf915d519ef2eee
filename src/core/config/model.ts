/**
 * The resolved system: what an azora.yaml means once it has been parsed, merged, validated, interpolated and given its
 * defaults. It is plain JSON, so it can travel over the control socket; the supervisor works from this and never reads YAML.
 *
 * Units: every duration is in milliseconds (`…Ms`), every size in bytes, cpu in cores. Paths are absolute.
 * A text may still hold references to organs' endpoints, which only the supervisor knows: see `references.ts`.
 */

export interface SystemConfig {
  readonly name: string;
  /** Absolute path of the main file. */
  readonly file: string;
  /** SHA-256 of the resolved configuration without the caller's environment, hex; same hash = same meaning. */
  readonly configHash: string;
  readonly boot: { readonly timeoutMs: number; readonly steps: readonly BootStep[] };
  readonly health: { readonly intervalMs: number };
  readonly security: SecurityConfig;
  readonly emergency: { readonly on: readonly EmergencyTrigger[]; readonly deadlineMs: number };
  /** The comprehensive checks, run at the end of boot and by `azora check`. */
  readonly checks: readonly CheckConfig[];
  readonly hooks: Readonly<Record<string, readonly string[]>>;
  /** null: no registry is served. `port: 'auto'` keeps the port it had while that is free. */
  readonly registry: { readonly host: string; readonly port: number | 'auto' } | null;
  readonly logs: LogLimits;
  readonly redact: readonly string[];
  readonly retention: { readonly maxAgeMs: number; readonly maxBytes: number };
  readonly profiles: readonly string[];
  /** The env_files that were read, absolute: they hold secrets. */
  readonly envFiles?: readonly string[];
  /** What the environment was in which azora was called, and every organ has under its own: no change of meaning when it changes. */
  readonly callerEnv: Readonly<Record<string, string>>;
  /** Every organ whose profiles are active, by name, in the order of the file. */
  readonly organs: Readonly<Record<string, OrganConfig>>;
  /** Organs of the file that no active profile selects. */
  readonly inactive: readonly string[];
}

export type EmergencyTrigger = 'critical-organ-failed' | 'security-critical';

export interface BootStep {
  readonly name: string;
  readonly organs: readonly string[];
}

export type ThreatLevel = 'None' | 'Low' | 'Medium' | 'High' | 'Critical';
export type DecisionAction = 'observe' | 'restart-organ' | 'stop-organ' | 'emergency-shutdown';

export interface SecurityConfig {
  readonly intervalMs: number;
  readonly checks: readonly CheckConfig[];
  readonly escalate: { readonly organ: string; readonly path: string; readonly at: ThreatLevel } | null;
  readonly allow: readonly DecisionAction[];
}

export interface OrganConfig {
  readonly name: string;
  readonly description: string | null;
  readonly category: string | null;
  /** Plain words or an explicit list run as they are (`shell: false`, argv); shell syntax runs as `/bin/sh -c text`. */
  readonly command: CommandLine;
  readonly cwd: string;
  /** The variables that the configuration gives it, already merged by precedence; they go over `callerEnv`. */
  readonly env: Readonly<Record<string, string>>;
  readonly kind: 'service' | 'task';
  readonly schedule: string | null;
  readonly dependsOn: readonly Dependency[];
  readonly critical: boolean;
  readonly autostart: boolean;
  readonly profiles: readonly string[];
  readonly replicas: number;
  readonly autoscale: { readonly min: number; readonly max: number; readonly cpu: number } | null;
  /** In the order of the file; the first is the organ's main port ($PORT). */
  readonly ports: readonly { readonly name: string; readonly port: number | 'auto' }[];
  readonly health: HealthConfig;
  readonly verify: readonly CheckConfig[];
  readonly restart: RestartPolicy;
  readonly successExitCodes: readonly number[];
  readonly stop: { readonly signal: string; readonly timeoutMs: number; readonly command: CommandLine | null };
  readonly resources: { readonly cpu: number | null; readonly memory: number | null };
  readonly user: string | null;
  readonly logs: LogLimits;
  readonly watch: {
    readonly paths: readonly string[];
    readonly ignore: readonly string[];
    readonly debounceMs: number;
  } | null;
  readonly route: {
    readonly prefix: string;
    readonly rateLimit: string | null;
    readonly auth: 'required' | 'optional' | 'none';
  } | null;
  readonly hooks: {
    readonly preStart: CommandLine | null;
    readonly postReady: CommandLine | null;
    readonly preStop: CommandLine | null;
    readonly postExit: CommandLine | null;
  };
  readonly labels: Readonly<Record<string, string>>;
  /** Where the organ is declared, for messages: `azora.yaml:12`. */
  readonly source: { readonly file: string; readonly line: number };
}

export interface CommandLine {
  readonly shell: boolean;
  /** What to execute: `['/bin/sh', '-c', text]` when `shell`. Never empty. */
  readonly argv: readonly [string, ...string[]];
  /** As the user wrote it, for display. */
  readonly text: string;
}

export interface Dependency {
  readonly organ: string;
  readonly condition: 'started' | 'healthy' | 'completed' | 'exited';
  readonly restart: boolean;
  readonly required: boolean;
}

/** How an organ is found to be ready, and healthy afterwards. */
export type Probe =
  | {
      readonly kind: 'http' /** path on the organ's first port, or a URL */;
      readonly target: string;
      readonly method: string;
    }
  | { readonly kind: 'tcp' /** port or host:port */; readonly target: string }
  | { readonly kind: 'exec'; readonly command: CommandLine }
  | { readonly kind: 'log' /** regular expression on a line of output; readiness only */; readonly pattern: string }
  | {
      readonly kind: 'fd' /** the descriptor on which the organ writes a newline when ready; readiness only */;
      readonly fd: number;
    }
  | {
      readonly kind: 'ipc' /** the message that means ready, sent with process.send; readiness only */;
      readonly message: string;
    }
  | { readonly kind: 'none' };

export interface HealthConfig {
  readonly probe: Probe;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startTimeoutMs: number;
  readonly failures: number;
  readonly successes: number;
  readonly slowMs: number | null;
  readonly expect: Expectation;
  readonly restart: boolean;
}

export interface Expectation {
  /** null: 200-299. */
  readonly status: readonly number[] | null;
  /** Dotted path → expected value, or a comparison such as `>= 11`. */
  readonly json: Readonly<Record<string, string | number | boolean | null>>;
  /** Text that the body (http) or the output (exec) must contain. */
  readonly body: string | null;
  /** exec only; 0 unless given. */
  readonly exitCode: number;
}

/** One probe with a name: an entry of `verify`, `checks` or `security.checks`. */
export interface CheckConfig {
  readonly name: string;
  /** Whose first port a path refers to; null when the target says it all. In `verify`, the organ itself. */
  readonly organ: string | null;
  readonly probe: CheckProbe;
  readonly expect: Expectation;
  readonly timeoutMs: number;
  /** Of `security.checks`: how grave a failure is. */
  readonly severity?: Exclude<ThreatLevel, 'None'>;
  /** Of `security.checks`: what to do about a failure. */
  readonly remedy?: string;
}

export type CheckProbe =
  | {
      readonly kind: 'http';
      readonly target: string;
      readonly method: string;
      readonly headers: Readonly<Record<string, string>>;
      /** Sent as it is; a map in the file is sent as JSON. */
      readonly body: string | null;
    }
  | { readonly kind: 'tcp'; readonly target: string }
  | { readonly kind: 'exec'; readonly command: CommandLine };

export interface RestartPolicy {
  readonly policy: 'always' | 'on-failure' | 'never';
  readonly delayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  /** 0-1: a delay is multiplied by a random factor within 1 ± jitter. */
  readonly jitter: number;
  /** Running this long resets the backoff. */
  readonly resetAfterMs: number;
  /** At most this many restarts within the sliding window; then the organ is failed. */
  readonly limit: number;
  readonly windowMs: number;
}

export interface LogLimits {
  readonly maxSize: number;
  readonly maxFiles: number;
  readonly compress: 'zstd' | 'gzip' | 'none';
  /** stderr goes into the .out log with stdout. */
  readonly merge: boolean;
}
