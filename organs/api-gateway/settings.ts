import * as z from 'zod';

const milliseconds = z.coerce.number().int().min(1).max(3_600_000);

const Settings = z.object({
  GATEWAY_REFRESH_MS: milliseconds.optional(),
  GATEWAY_TIMEOUT_MS: milliseconds.optional(),
  GATEWAY_MAX_BODY_BYTES: z.coerce.number().int().min(1).optional(),
});

export interface Settings {
  /** How often the registry is read; default 1 s. */
  readonly refreshMs?: number;
  /** How long an instance may take until it begins to answer; default 30 s. */
  readonly timeoutMs?: number;
  /** Largest request body; default 8 MiB. */
  readonly maxBodyBytes?: number;
}

/** Throws with the name of the variable that is wrong. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const result = Settings.safeParse(env);
  if (!result.success) {
    throw new Error(result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
  }
  const { GATEWAY_REFRESH_MS: refreshMs, GATEWAY_TIMEOUT_MS: timeoutMs, ...rest } = result.data;
  const { GATEWAY_MAX_BODY_BYTES: maxBodyBytes } = rest;
  return {
    ...(refreshMs === undefined ? {} : { refreshMs }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
  };
}
