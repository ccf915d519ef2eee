/**
 * The one catalogue of expected failures. A failure is a value that says what failed and what to do next; anything thrown that
 * is not a `FailureError` is a bug.
 */

/** What a command ends with. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  owned: 4,
  emergency: 5,
  timedOut: 124,
  interrupted: 130,
  terminated: 143,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Which exit code each kind of failure ends a command with. */
export const FAILURE_EXIT = {
  'organ-failed': EXIT.failed,
  'check-failed': EXIT.failed,
  'boot-failed': EXIT.failed,
  'stop-incomplete': EXIT.failed,
  internal: EXIT.failed,
  usage: EXIT.usage,
  'config-invalid': EXIT.usage,
  'unknown-organ': EXIT.usage,
  'no-file': EXIT.usage,
  'not-running': EXIT.notRunning,
  'owned-by-another': EXIT.owned,
  unreachable: EXIT.owned,
  'version-mismatch': EXIT.owned,
  emergency: EXIT.emergency,
  'timed-out': EXIT.timedOut,
} as const satisfies Record<string, ExitCode>;
export type FailureKind = keyof typeof FAILURE_EXIT;

export interface Failure {
  readonly kind: FailureKind;
  /** What failed and why, one sentence: "cannot start organ db: port 5432 is in use by pid 812 (postgres)". */
  readonly message: string;
  /** What to do now, as the next command to type where there is one. */
  readonly hint: string | null;
}

/** Carries a failure across an await; `cause` keeps what lies underneath. */
export class FailureError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, options?: { cause?: unknown }) {
    super(failure.message, options);
    this.name = 'FailureError';
    this.failure = failure;
  }
}

/** Shorthand for throwing an expected failure. */
export function fail(kind: FailureKind, message: string, hint: string | null = null, cause?: unknown): never {
  throw new FailureError({ kind, message, hint }, cause === undefined ? undefined : { cause });
}
