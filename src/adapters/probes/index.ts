import type { CheckProbe, Expectation, Probe } from '../../core/config/model.ts';
import { humanDuration } from '../../core/time.ts';
import { failed, failedBy, type ProbeOutcome, type ProbeRun, type ProbeTarget } from './probe.ts';
import { Stopwatch } from './stopwatch.ts';

export type { ProbeOutcome, ProbeTarget };

/** The probes that azora carries out itself; by the others (`log`, `fd`, `ipc`) an organ reports on its own. */
export type AskedProbe = Extract<Probe | CheckProbe, { kind: 'http' | 'tcp' | 'exec' }>;

type Ask<K extends AskedProbe['kind']> = (
  probe: Extract<AskedProbe, { kind: K }>,
  expect: Expectation,
  run: ProbeRun,
) => Promise<ProbeOutcome>;

/** Each is loaded at its first use: no organ waits for what it does not need before it is started. */
const PROBES: { readonly [K in AskedProbe['kind']]: () => Promise<Ask<K>> } = {
  http: async () => (await import('./http.ts')).httpProbe,
  tcp: async () => (await import('./tcp.ts')).tcpProbe,
  exec: async () => (await import('./exec.ts')).execProbe,
};

const CANCELLED = 'the probe was cancelled';

/** Loads all of them, for a process that may outlive its own files. */
export async function loadProbes(): Promise<void> {
  await Promise.all(Object.values(PROBES).map((load) => load()));
}

export function isAsked(probe: Probe | CheckProbe): probe is AskedProbe {
  return Object.hasOwn(PROBES, probe.kind);
}

/**
 * Carries out one probe. Never rejects: whatever goes wrong is a `fail` with its reason. Settles within `timeoutMs` (waking
 * time, see `Stopwatch`), or at once when `signal` is aborted, and holds nothing afterwards: no connection, no process.
 */
export async function runProbe(
  probe: Probe | CheckProbe,
  expect: Expectation,
  target: ProbeTarget,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<ProbeOutcome> {
  if (!isAsked(probe)) return failed(0, `a probe of kind "${probe.kind}" cannot be asked, only waited for`);
  if (signal?.aborted) return failed(0, CANCELLED);
  const abort = new AbortController();
  const cancel = () => abort.abort(CANCELLED);
  using watch = new Stopwatch(timeoutMs, () => abort.abort(`timed out after ${humanDuration(timeoutMs)}`));
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    // Each kind's own function takes each kind's own probe, which the compiler cannot see through a lookup.
    const ask = (await PROBES[probe.kind]()) as Ask<AskedProbe['kind']>;
    return await ask(probe, expect, { target, watch, signal: abort.signal });
  } catch (error) {
    const reason = `the probe itself failed: ${error instanceof Error ? error.message : String(error)}`;
    return failedBy(error, watch.elapsedMs(), reason);
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
