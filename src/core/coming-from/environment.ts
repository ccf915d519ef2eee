import type { Found } from './draft.ts';
import { braced, isMap, isScalar } from './draft.ts';

/** `NAME=value` lines or a map, of tools that interpolate as compose does; a name alone takes the caller's value. */
export function environmentOf(found: Found): Record<string, string | null> | null {
  const pairs: [string, unknown][] = isMap(found)
    ? Object.entries(found)
    : Array.isArray(found)
      ? found.filter(isScalar).map((line) => pairOf(String(line)))
      : [];
  const known = pairs.filter(([name]) => name !== '');
  if (known.length === 0) return null;
  return Object.fromEntries(known.map(([name, value]) => [name, isScalar(value) ? braced(String(value)) : null]));
}

function pairOf(line: string): [string, string | null] {
  const at = line.indexOf('=');
  return at < 0 ? [line.trim(), null] : [line.slice(0, at).trim(), line.slice(at + 1)];
}
