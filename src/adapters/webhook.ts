import { humanDuration } from '../core/time.ts';
import type { CommandEnd } from './run-command.ts';

/** POSTs a JSON document. Never rejects; redirects are not followed, and no answer but 2xx is a success. */
export async function postJson(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<CommandEnd> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([timeout, stop]),
    });
    await response.body?.cancel();
    return response.ok ? { ok: true } : { ok: false, message: `answered with status ${response.status}` };
  } catch (error) {
    if (stop.aborted) return { ok: false, message: String(stop.reason) };
    if (timeout.aborted) return { ok: false, message: `did not answer within ${humanDuration(timeoutMs)}` };
    const { cause, message } = error as Error;
    return { ok: false, message: `cannot be reached: ${cause instanceof Error ? cause.message : message}` };
  }
}
