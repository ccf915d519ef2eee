import { excerpt, type HealthBody, SILENT } from '../../core/expectation.ts';
import type { Stopwatch } from './stopwatch.ts';

/** What one probe found. `reason` is one sentence that is true on its own. */
export type ProbeOutcome =
  | ({ readonly verdict: 'pass'; readonly latencyMs: number } & HealthBody)
  | ({
      readonly verdict: 'fail';
      readonly latencyMs: number;
      readonly reason: string;
      /** The probe could not be carried out, for want of what azora itself needs for it: that says nothing about whom it was to ask. */
      readonly unasked?: boolean;
    } & HealthBody);

/** What a probe refers to without naming it. */
export interface ProbeTarget {
  /** The organ's main endpoint: where an http path and a bare tcp port lead. */
  readonly endpoint: { readonly host: string; readonly port: number } | null;
  /** exec: where, and with which whole environment. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What every kind of probe is given besides its own declaration. */
export interface ProbeRun {
  readonly target: ProbeTarget;
  /** Runs since the probe began, and carries its deadline. */
  readonly watch: Stopwatch;
  /** Aborted at the deadline or by the caller: whatever the probe holds must be let go of. */
  readonly signal: AbortSignal;
}

export function passed(latencyMs: number, body: HealthBody = SILENT): ProbeOutcome {
  return { verdict: 'pass', latencyMs, ...body };
}

export function failed(latencyMs: number, reason: string, body: HealthBody = SILENT): ProbeOutcome {
  return { verdict: 'fail', latencyMs, reason, ...body };
}

/** What this machine is short of, not the other side. EAGAIN is fork's: a socket has none here. */
const SHORTAGES = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ENOBUFS', 'EADDRNOTAVAIL'];

/** As `failed`, of an error: it may mean that nobody was asked. */
export function failedBy(error: unknown, latencyMs: number, reason: string): ProbeOutcome {
  const unasked = SHORTAGES.includes(codeOf(error));
  return { verdict: 'fail', latencyMs, reason, ...SILENT, ...(unasked ? { unasked } : {}) };
}

/** A reason, with what the other side itself said about it where it said anything. */
export function withWords(reason: string, text: string, body: HealthBody): string {
  const words = body.bodyReason ?? excerpt(text);
  return words === '' ? reason : `${reason}: ${words}`;
}

const CONNECTION_ERRORS: Readonly<Record<string, (where: string) => string>> = {
  ECONNREFUSED: (where) => `connection to ${where} refused: nothing listens there`,
  ECONNRESET: (where) => `connection to ${where} was reset before it answered`,
  EPIPE: (where) => `connection to ${where} was closed before it answered`,
  EHOSTUNREACH: (where) => `${where} cannot be reached: no route to the host`,
  ENETUNREACH: (where) => `${where} cannot be reached: no network leads there`,
  ETIMEDOUT: (where) => `connection to ${where} timed out in the kernel`,
  ENOTFOUND: (where) => `the name in ${where} cannot be resolved: no such host`,
  EAI_AGAIN: (where) => `the name in ${where} cannot be resolved now: the name server does not answer`,
  EMFILE: (where) => `cannot connect to ${where}: azora itself has too many open files`,
  EADDRNOTAVAIL: (where) => `cannot connect to ${where}: the machine has no free local port`,
};

/** What a connection's error means, as a sentence. A host with several addresses is told by its first one. */
export function connectionReason(error: Error, where: string): string {
  const first = firstOf(error);
  return CONNECTION_ERRORS[codeOf(first)]?.(where) ?? `connection to ${where} failed: ${first.message}`;
}

const firstOf = (error: Error): Error =>
  error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;

function codeOf(error: unknown): string {
  const { code } = (error instanceof Error ? firstOf(error) : (error ?? {})) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** `host:port`, with the brackets that an IPv6 address needs. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
