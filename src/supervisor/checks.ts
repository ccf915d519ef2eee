import { runProbe } from '../adapters/probes/index.ts';
import type { CheckConfig } from '../core/config/model.ts';
import type { Endpoint } from '../core/config/references.ts';
import type { CheckOutcome } from '../core/machine/inputs.ts';
import { filled } from './launch.ts';

/** Where a check is carried out. */
export interface CheckPlace {
  /** An organ's main endpoint (that of its first instance). */
  readonly endpointOf: (organ: string) => Endpoint | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Carries out one check. Never rejects.
 * @param own for `verify`: the endpoint of the very instance that is verified
 */
export async function runCheck(check: CheckConfig, place: CheckPlace, own?: Endpoint): Promise<CheckOutcome> {
  const wanted = filled(check, place.endpointOf);
  const endpoint = own ?? (check.organ === null ? undefined : place.endpointOf(check.organ));
  const outcome = await runProbe(
    wanted.probe,
    wanted.expect,
    { endpoint: endpoint ?? null, cwd: place.cwd, env: place.env },
    wanted.timeoutMs,
  );
  return {
    name: check.name,
    organ: check.organ,
    passed: outcome.verdict === 'pass',
    durationMs: Math.round(outcome.latencyMs),
    message: outcome.verdict === 'pass' ? 'passed' : outcome.reason,
  };
}
