import type { SystemConfig } from './model.ts';

/** Which variables are secrets, by the globs of `redact`, and how they are hidden. */

export const MASK = '***';

/** Shorter values are not hidden inside other texts: `1` or `yes` would blacken half of every page. */
const SHORTEST_SECRET = 4;
/** Of a secret of several lines. */
const SHORTEST_LINE = 12;

/** Says whether a variable's name matches one of the globs (`*` is any text; upper and lower case are the same). */
export function secretMatcher(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0) return () => false;
  const sources = globs.map((glob) => glob.split('*').map(escapeRegExp).join('.*'));
  const pattern = new RegExp(`^(?:${sources.join('|')})$`, 'i');
  return (name) => pattern.test(name);
}

/** What azora's own tokens begin with, so that they are known for what they are wherever they turn up. */
export const TOKEN_PREFIX = 'azt_';
const OWN_TOKEN = `${TOKEN_PREFIX}[\\w-]{32}`;

export type Mask = (text: string) => string;

/** The values of every variable of every organ that `redact` names. */
export function secretsOf({
  redact,
  callerEnv,
  organs,
}: Pick<SystemConfig, 'redact' | 'callerEnv' | 'organs'>): string[] {
  const isSecret = secretMatcher(redact);
  const environments = [callerEnv, ...Object.values(organs).map(({ env }) => env)];
  return [
    ...new Set(environments.flatMap((env) => Object.keys(env).flatMap((name) => (isSecret(name) ? env[name]! : [])))),
  ];
}

/** As `secretMasker`, and azora's own tokens besides: for whatever leaves azora. */
export function outputMasker(values: Iterable<string>): Mask {
  return masker([...patterns(values), OWN_TOKEN]);
}

/** Replaces every one of the secrets inside a text, the longest first. */
export function secretMasker(values: Iterable<string>): Mask {
  return masker(patterns(values));
}

/** Masks every text inside a JSON value; the same value where there is nothing to hide. */
export function maskAll<T>(value: T, mask: Mask): T {
  if (typeof value === 'string') return mask(value) as T;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const masked = value.map((item) => maskAll(item, mask));
    return masked.some((item, index) => item !== value[index]) ? (masked as T) : value;
  }
  let changed = false;
  const entries = Object.entries(value).map(([key, item]) => {
    const masked = maskAll(item, mask);
    changed ||= masked !== item;
    return [key, masked] as const;
  });
  return changed ? (Object.fromEntries(entries) as T) : value;
}

/**
 * A value may turn up as it is or inside JSON; one of several lines (a key in PEM, say) turns up in output line by line, so that
 * each of its lines counts too.
 */
function patterns(values: Iterable<string>): string[] {
  const secrets = new Set<string>();
  for (const value of values) {
    const lines = value.split(/\r?\n/).filter((line) => line.length >= SHORTEST_LINE);
    for (const text of [value, ...lines]) {
      for (const form of [text, JSON.stringify(text).slice(1, -1)])
        if (form.length >= SHORTEST_SECRET) secrets.add(form);
    }
  }
  return [...secrets].sort((a, b) => b.length - a.length).map(escapeRegExp);
}

function masker(sources: readonly string[]): Mask {
  if (sources.length === 0) return (text) => text;
  const pattern = new RegExp(sources.join('|'), 'g');
  return (text) => text.replace(pattern, MASK);
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
