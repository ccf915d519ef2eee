import * as z from 'zod';

export const SEVERITIES = ['Low', 'Medium', 'High', 'Critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

const common = { severity: z.enum(SEVERITIES), enabled: z.boolean().default(true) };
/** The types of events, or of checks, that a rule is for. */
const types = z.array(z.string().min(1).max(200)).min(1).max(50);

/** A rule as data; what each kind means is in `judge`. */
export const Rule = z.discriminatedUnion('kind', [
  z.strictObject({ ...common, kind: z.literal('amount-limit'), types, max: z.int().positive() }),
  z.strictObject({
    ...common,
    kind: z.literal('velocity'),
    types,
    /** Movements of one payer within a window. */
    max: z.int().positive(),
    windowMs: z.int().min(1000).max(86_400_000),
  }),
  z.strictObject({ ...common, kind: z.literal('sanctions'), types }),
  z.strictObject({
    ...common,
    kind: z.literal('retention'),
    entries: z.enum(['event', 'check']),
    days: z.int().positive(),
  }),
]);
export type Rule = z.output<typeof Rule>;
export type Policy = Rule & { readonly id: string };

const PAID = ['transfer-settled'];
const ASKED = ['transfer-proposed', ...PAID];

/** In force until somebody changes them. */
export const DEFAULTS: Readonly<Record<string, Rule>> = {
  'amount-limit': { kind: 'amount-limit', types: ASKED, max: 1_000_000, severity: 'High', enabled: true },
  'transfer-velocity': { kind: 'velocity', types: PAID, max: 60, windowMs: 60_000, severity: 'Medium', enabled: true },
  sanctions: { kind: 'sanctions', types: ASKED, severity: 'Critical', enabled: true },
  'event-retention': { kind: 'retention', entries: 'event', days: 365, severity: 'Low', enabled: true },
  'check-retention': { kind: 'retention', entries: 'check', days: 90, severity: 'Low', enabled: true },
};

/** What rules look at. */
export interface Movement {
  readonly type: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly amount: number | null;
}

/** What rules need to know beside the movement itself. */
export interface Knowledge {
  readonly isSanctioned: (address: string) => boolean;
  /** Movements of `payer` in the rule's current window, this one included. */
  readonly countOf: (policy: Policy & { kind: 'velocity' }, payer: string) => Promise<number>;
}

export interface Violation {
  readonly policy: string;
  readonly severity: Severity;
  readonly message: string;
}

/** Why the movement breaks the policy, or null. */
export async function judge(policy: Policy, movement: Movement, knowledge: Knowledge): Promise<Violation | null> {
  if (!policy.enabled || !('types' in policy) || !policy.types.includes(movement.type)) return null;
  const message = await reasonOf(policy, movement, knowledge);
  return message === null ? null : { policy: policy.id, severity: policy.severity, message };
}

async function reasonOf(policy: Policy, { from, to, amount }: Movement, knowledge: Knowledge): Promise<string | null> {
  switch (policy.kind) {
    case 'amount-limit':
      return amount !== null && amount > policy.max ? `${amount} is more than ${policy.max}` : null;
    case 'velocity': {
      if (from === null) return null;
      const count = await knowledge.countOf(policy, from);
      const window = `${policy.windowMs / 1000} s`;
      return count > policy.max ? `${from} paid ${count} times within ${window}, ${policy.max} are allowed` : null;
    }
    case 'sanctions': {
      const listed = [from, to].find((address) => address !== null && knowledge.isSanctioned(address));
      return listed === undefined ? null : `${listed} is on the list of sanctions`;
    }
    case 'retention':
      return null; // enforced by time, not by movement
    default:
      return policy satisfies never;
  }
}
