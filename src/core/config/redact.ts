/** Which variables are secrets, by the globs of `redact`, and how they are hidden. */

export const MASK = '***';

/** Shorter values are not hidden inside other texts: `1` or `yes` would blacken half of every page. */
const SHORTEST_SECRET = 4;

/** Says whether a variable's name matches one of the globs (`*` is any text; upper and lower case are the same). */
export function secretMatcher(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0) return () => false;
  const sources = globs.map((glob) => glob.split('*').map(escapeRegExp).join('.*'));
  const pattern = new RegExp(`^(?:${sources.join('|')})$`, 'i');
  return (name) => pattern.test(name);
}

/** Replaces every one of the secrets inside a text, the longest first. */
export function secretMasker(values: Iterable<string>): (text: string) => string {
  const secrets = [...new Set(values)].filter((value) => value.length >= SHORTEST_SECRET);
  if (secrets.length === 0) return (text) => text;
  secrets.sort((a, b) => b.length - a.length);
  const pattern = new RegExp(secrets.map(escapeRegExp).join('|'), 'g');
  return (text) => text.replace(pattern, MASK);
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
