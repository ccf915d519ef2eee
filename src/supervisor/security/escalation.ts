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

/** The organ that decides may just be starting anew: it is asked again, after these pauses. */
const PAUSES_MS = [2_000, 10_000];

/**
 * Posts a report to the organ that decides and reads its decision; a text says why there is none. One that does not answer, or
 * answers that it cannot (5xx), is asked again. Never rejects.
 */
export async function askForDecision(
  endpoint: Endpoint | undefined,
  path: string,
  report: Report,
  pausesMs: readonly number[] = PAUSES_MS,
): Promise<Decision | string> {
  if (!endpoint) return 'the organ that decides has no port';
  const url = `http://${endpoint.host}:${endpoint.port}${path}`;
  for (const pauseMs of pausesMs) {
    const answer = await ask(url, report);
    if (!('unanswered' in answer)) return answer.decision;
    await new Promise((resolve) => setTimeout(resolve, pauseMs).unref());
  }
  const last = await ask(url, report);
  return 'unanswered' in last ? `${last.unanswered} (asked ${pausesMs.length + 1} times)` : last.decision;
}

async function ask(
  url: string,
  report: Report,
): Promise<{ readonly decision: Decision | string } | { readonly unanswered: string }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(report),
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await response.text();
    const answered = `${url} answered ${response.status}: ${text.slice(0, 200)}`;
    if (response.status >= 500) return { unanswered: answered };
    if (!response.ok) return { decision: answered };
    if (text.length > MOST_BYTES) return { decision: `${url} answered with ${text.length} bytes` };
    return { decision: parse(url, text) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return { unanswered: `${url} gave no decision: ${error instanceof Error ? error.message : String(error)}${cause}` };
  }
}

function parse(url: string, text: string): Decision | string {
  try {
    return readDecision(JSON.parse(text));
  } catch {
    return `${url} answered with what is not JSON: ${text.slice(0, 200)}`;
  }
}
