import { join } from 'node:path';
import * as z from 'zod';
import type { UpstreamSettings } from './upstream.ts';

const filled = (schema: z.ZodType<string>) =>
  z.preprocess((text) => (text === '' ? undefined : text), schema.optional());

const Environment = z.object({
  LLM_BASE_URL: filled(z.url({ protocol: /^https?$/ })),
  LLM_API_KEY: filled(z.string()),
  LLM_MODEL: filled(z.string()),
  LLM_DAILY_TOKENS: z.coerce.number().int().positive().default(1_000_000),
  LLM_TIMEOUT_MS: z.coerce.number().int().min(100).max(3_600_000).default(60_000),
  LLM_DOCUMENTS: filled(z.string()),
});

export interface Settings {
  /** null: none is configured, the project's documents answer. */
  readonly upstream: UpstreamSettings | null;
  /** Tokens of the upstream in a day (UTC). */
  readonly dailyTokens: number;
  /** The folder whose documents answer. */
  readonly documents: string;
}

/** Throws with the names of the variables that are wrong. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const result = Environment.safeParse(env);
  if (!result.success) {
    throw new Error(result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
  }
  const { LLM_BASE_URL: url, LLM_API_KEY: key = null, LLM_MODEL: model = null, ...rest } = result.data;
  return {
    upstream: url ? { url: url.replace(/\/$/, ''), key, model, timeoutMs: rest.LLM_TIMEOUT_MS } : null,
    dailyTokens: rest.LLM_DAILY_TOKENS,
    documents: rest.LLM_DOCUMENTS ?? join(import.meta.dirname, '../..'),
  };
}
