/** The inventory: what is registered, by category and status, and how that differs from what is planned. All pure. */

export const STATUSES = ['Healthy', 'Degraded', 'Critical', 'Unknown'] as const;
export type Status = (typeof STATUSES)[number];

export interface OrganSeen {
  readonly name: string;
  readonly category: string;
  readonly status: Status;
  readonly url: string;
  readonly instances: readonly { readonly instance: string; readonly url: string; readonly status: Status }[];
  readonly registeredAt: string | null;
}

/** An organ that the plan of record expects; `declared` by a `PUT /plan`, or `learnt` from having been registered. */
export interface Planned {
  readonly name: string;
  readonly category: string;
  readonly source: 'declared' | 'learnt';
}

export type Counts = Readonly<Record<Status, number>>;

export interface CategoryRollUp {
  readonly category: string;
  /** The worst status in it; Critical when a planned organ is missing. */
  readonly status: Status;
  readonly organs: number;
  readonly instances: number;
  readonly byStatus: Counts;
  /** Planned organs of this category that are not registered. */
  readonly missing: readonly string[];
}

export interface Differences {
  /** Planned, but not registered. */
  readonly missing: readonly string[];
  /** Registered, but not in the plan. */
  readonly unplanned: readonly string[];
  readonly recategorised: readonly { readonly name: string; readonly planned: string; readonly actual: string }[];
}

export const UNCATEGORISED = 'Uncategorised';

export function countByStatus(organs: readonly OrganSeen[]): Counts {
  const count = (status: Status) => organs.filter((organ) => organ.status === status).length;
  return {
    Healthy: count('Healthy'),
    Degraded: count('Degraded'),
    Critical: count('Critical'),
    Unknown: count('Unknown'),
  };
}

export function differences(plan: readonly Planned[], seen: readonly OrganSeen[]): Differences {
  const actual = new Map(seen.map((organ) => [organ.name, organ]));
  const planned = new Set(plan.map(({ name }) => name));
  return {
    missing: plan.filter(({ name }) => !actual.has(name)).map(({ name }) => name),
    unplanned: seen.filter(({ name }) => !planned.has(name)).map(({ name }) => name),
    recategorised: plan.flatMap(({ name, category }) => {
      const organ = actual.get(name);
      return organ && organ.category !== category ? [{ name, planned: category, actual: organ.category }] : [];
    }),
  };
}

/** One entry per category that is planned or registered, in alphabetical order. */
export function rollUp(plan: readonly Planned[], seen: readonly OrganSeen[]): CategoryRollUp[] {
  const { missing } = differences(plan, seen);
  const names = new Set([...plan, ...seen].map(({ category }) => category));
  return [...names].sort().map((category) => {
    const organs = seen.filter((organ) => organ.category === category);
    const byStatus = countByStatus(organs);
    const gone = plan
      .filter((entry) => entry.category === category && missing.includes(entry.name))
      .map(({ name }) => name);
    return {
      category,
      status: gone.length > 0 ? 'Critical' : worstOf(byStatus),
      organs: organs.length,
      instances: organs.reduce((sum, organ) => sum + Math.max(1, organ.instances.length), 0),
      byStatus,
      missing: gone,
    };
  });
}

function worstOf(counts: Counts): Status {
  return (['Critical', 'Degraded', 'Unknown'] as const).find((status) => counts[status] > 0) ?? 'Healthy';
}
