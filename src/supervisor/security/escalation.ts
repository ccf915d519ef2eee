import type { ThreatLevel } from '../../core/config/model.ts';
import type { Endpoint } from '../../core/config/references.ts';
import { type Decision, type Finding, readDecision } from '../../core/security.ts';

const ANSWER_MS = 10_000;
const MOST_BYTES = 64 * 1024;

export interface Report {
  readonly threatLevel: ThreatLevel;
  readonly findings: readonly Finding[];
  readonly system: {
    readonly name: string;
    readonly phase: string;
    readonly status: string;
    readonly organs: readonly { readonly organ: string; readonly critical: boolean }[];
  };
}

/** Posts a report to the organ that decides and reads its decision; a text says why there is none. Never rejects. */
export async function askForDecision(
  endpoint: Endpoint | undefined,
  path: string,
  report: Report,
): Promise<Decision | string> {
  if (!endpoint) return 'the organ that decides has no port';
  const url = `http://${endpoint.host}:${endpoint.port}${path}`;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(report),
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await response.text();
    if (!response.ok) return `${url} answered ${response.status}: ${text.slice(0, 200)}`;
    if (text.length > MOST_BYTES) return `${url} answered with ${text.length} bytes`;
    return readDecision(JSON.parse(text));
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return `${url} gave no decision: ${error instanceof Error ? error.message : String(error)}${cause}`;
  }
}
