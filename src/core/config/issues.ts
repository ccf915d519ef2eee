/** zod's issues → findings in this program's words. Loaded only when there is an issue. */
import type * as z from 'zod/mini';
import type { Finding, Path } from './problem.ts';
import { didYouMean } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/** Every issue as a finding; `data` is what was checked, for "found …". */
export function findingsOf(issues: readonly Issue[], data: unknown): Finding[] {
  return issues.flatMap((issue) => explain(issue, [], data));
}

function explain(issue: Issue, base: Path, data: unknown): Finding[] {
  const path = [...base, ...(issue.path as (string | number)[])];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = issue.message.split(' ');
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: 'key' as const,
        message: `unknown key "${key}"`,
        hint: didYouMean(key, known) ?? `known here: ${known.join(', ')}`,
      }));
    }
    case 'invalid_key': {
      const key = String(path.at(-1));
      const inner = issue.issues[0];
      if (inner?.code === 'invalid_value') {
        return [{ path, at: 'key', message: `unknown key "${key}"`, hint: nearest(key, inner.values) }];
      }
      return [{ path, at: 'key', message: `"${key}" is not a name here: ${inner?.message ?? issue.message}` }];
    }
    case 'invalid_union': {
      const meant = issue.errors.filter((branch) => branch.every(isInside));
      if (meant.length > 0) return meant[0]!.flatMap((inner) => explain(inner, path, data));
      const values = issue.errors.flat().flatMap((inner) => (inner.code === 'invalid_value' ? inner.values : []));
      return [mismatch(issue.message, path, data, values)];
    }
    case 'invalid_value':
      return [mismatch(issue.message, path, data, issue.values)];
    case 'invalid_type':
    case 'too_big':
    case 'too_small':
      return [mismatch(issue.message, path, data, [])];
    default:
      return [{ path, message: issue.message }];
  }
}

/** Says whether the issue is about the content of what a union's branch accepts, rather than the wrong branch. */
function isInside(issue: Issue): boolean {
  return issue.path.length > 0 || issue.code === 'unrecognized_keys' || issue.code === 'custom';
}

function mismatch(what: string, path: Path, data: unknown, values: readonly unknown[]): Finding {
  const { found, value } = lookUp(data, path);
  if (!found) return { path, at: 'key', message: `"${String(path.at(-1))}" is missing: expected ${what}` };
  const hint = typeof value === 'string' ? nearest(value, values) : null;
  if (/^(must|name|longer)/.test(what)) return { path, message: what };
  return { path, message: `expected ${what}, found ${describe(value)}`, hint };
}

function nearest(word: string, values: readonly unknown[]): string | null {
  return didYouMean(
    word,
    values.filter((value) => typeof value === 'string'),
  );
}

function lookUp(data: unknown, path: Path): { found: boolean; value: unknown } {
  let value = data;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part))
      return { found: false, value: undefined };
    value = (value as Record<string | number, unknown>)[part];
  }
  return { found: true, value };
}

/** A value in a few words: `a list`, `nothing`, `"text"`, `12`. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}

/**
 * The data without what the findings are about, so that the rest of it can be checked as well. A bad item of a list takes the
 * list with it, since the places of the others would move. Answers null when nothing is left.
 */
export function prune(data: unknown, findings: readonly Finding[]): unknown {
  const copy: unknown = structuredClone(data);
  for (const { path } of findings) {
    let keep = path.length;
    while (keep > 0) {
      const parent = lookUp(copy, path.slice(0, keep - 1)).value;
      const key = path[keep - 1]!;
      if (typeof parent === 'object' && parent !== null && !Array.isArray(parent) && Object.hasOwn(parent, key)) {
        delete (parent as Record<string | number, unknown>)[key];
        break;
      }
      keep -= 1;
    }
    if (keep === 0) return null;
  }
  return copy;
}
