import { suggest } from '../core/config/suggest.ts';
import { fail } from '../core/failures.ts';
import type { InstanceStatus } from '../core/status.ts';

/** The instances that these names mean, organs or instances; all when none is named. Fails with `unknown-organ`. */
export function selectInstances(all: readonly InstanceStatus[], names: readonly string[]): readonly InstanceStatus[] {
  if (names.length === 0) return all;
  requireKnown(names, new Set(all.flatMap(({ organ, instance }) => [organ, instance])));
  return all.filter(({ organ, instance }) => names.includes(organ) || names.includes(instance));
}

/** Fails with `unknown-organ`, naming every name that is not known and what was probably meant. */
export function requireKnown(names: readonly string[], known: ReadonlySet<string>): void {
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  const quoted = unknown.map((name) => `"${name}"`).join(', ');
  const meant = unknown.flatMap((name) => suggest(name, known) ?? []);
  fail(
    'unknown-organ',
    unknown.length === 1 ? `there is no organ ${quoted}` : `there are no organs ${quoted}`,
    meant.length > 0 ? `Did you mean ${meant.join(', ')}?` : `There are: ${[...known].join(', ') || 'none'}.`,
  );
}
