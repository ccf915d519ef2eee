import type { OrganConfig } from './model.ts';

/** An organ as it is recorded: of its environment the names alone, since values may be secrets. */
export type OrganRecord = Omit<OrganConfig, 'env'> & { readonly env: readonly string[] };

export const recordOf = (organ: OrganConfig): OrganRecord => ({ ...organ, env: Object.keys(organ.env) });

/** A row of a plan: what the difference comes to, and its keys as the file names them. */
export interface OrganChange {
  readonly organ: string;
  readonly action: 'start' | 'stop' | 'update';
  readonly why: readonly string[];
}

/** In what the organs of two configurations differ; where they stand in the file is no difference. */
export function organChanges(
  before: ReadonlyMap<string, OrganRecord>,
  after: ReadonlyMap<string, OrganRecord>,
): OrganChange[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap((organ): OrganChange[] => {
    const was = before.get(organ);
    const is = after.get(organ);
    if (!was) return [{ organ, action: 'start', why: ['new'] }];
    if (!is) return [{ organ, action: 'stop', why: ['in the file no more'] }];
    const why = changedKeys(was, is);
    return why.length > 0 ? [{ organ, action: 'update', why }] : [];
  });
}

/** "covenant (command, health), mint (new)". */
export function describeChanges(changes: readonly OrganChange[]): string {
  return changes.map(({ organ, why }) => `${organ} (${why.join(', ')})`).join(', ');
}

function changedKeys(was: OrganRecord, is: OrganRecord): string[] {
  const keys = new Set([...Object.keys(was), ...Object.keys(is)] as (keyof OrganRecord)[]);
  return [...keys]
    .filter((key) => key !== 'source' && JSON.stringify(meaning(was[key])) !== JSON.stringify(meaning(is[key])))
    .map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

/** Of a command only what is executed counts, not how it was written. */
function meaning(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'argv' in value ? value.argv : value;
}
