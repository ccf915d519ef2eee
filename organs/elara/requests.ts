import * as z from 'zod';
import { type Case, emptyCase, type Facts, type KnownOrgan, questionOf, SEVERITIES } from './case.ts';

/** What Elara accepts, and how it becomes a case. */

const text = z.string().trim().min(1);
const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'an organ name: a-z, 0-9 and -');

/** The circumstances that the facets understand. */
const FACTS = {
  organ: name,
  severity: z.enum(SEVERITIES),
  evidence: z.array(text).max(50),
  reversible: z.boolean(),
  backup: z.boolean(),
  consent: z.boolean(),
  urgent: z.boolean(),
  critical: z.boolean(),
  affected: z.int().nonnegative(),
};

/** A question, and its circumstances as facts or in words. Facts that no facet understands are allowed, and named back. */
export const GuidanceRequest = z.strictObject({
  question: text.max(4000),
  context: z.union([text.max(4000), z.looseObject(FACTS).partial()]).optional(),
});

/** Evidence may be text or any JSON; it is kept as text. */
const evidence = z.json().transform((value) => {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
});

/** Fields beyond these are left aside: a report from a newer supervisor is judged, not refused. */
const Finding = z.object({
  id: text.max(200),
  severity: z.enum(SEVERITIES),
  organ: z
    .union([name, z.literal('')])
    .nullish()
    .transform((organ) => organ || null),
  message: z.string().max(4000),
  evidence: evidence.optional().transform((value) => value ?? ''),
  remedy: z
    .string()
    .max(4000)
    .nullish()
    .transform((remedy) => remedy ?? ''),
});

const Organ = z.union([
  name.transform((organ) => ({ name: organ, critical: false })),
  z
    .looseObject({ organ: name, critical: z.boolean().default(false) })
    .transform((o) => ({ name: o.organ, critical: o.critical })),
  z
    .looseObject({ name, critical: z.boolean().default(false) })
    .transform((o) => ({ name: o.name, critical: o.critical })),
]);

/** A security report. `system` is its name, or what is known of it; `organs` in it tells how far a finding reaches. */
export const DecisionRequest = z.object({
  threatLevel: z.enum(['None', ...SEVERITIES]),
  findings: z.array(Finding).max(1000),
  system: z.union([z.string(), z.looseObject({ organs: z.array(Organ).optional() }), z.null()]).optional(),
});

export const AuditQuery = z.strictObject({
  kind: z.enum(['question', 'report']).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  before: z.coerce.number().int().positive().optional(),
});

export const EntryId = z.strictObject({ id: z.coerce.number().int().positive() });

/** A question as a case, and the facts in it that no facet understands. */
export function caseOfQuestion({ question, context }: z.output<typeof GuidanceRequest>): {
  readonly about: Case;
  readonly notUnderstood: string[];
} {
  if (typeof context === 'string') return { about: questionOf(`${question}\n${context}`), notUnderstood: [] };
  const facts: Facts = context ?? {};
  return {
    about: questionOf(question, facts),
    notUnderstood: Object.keys(facts).filter((key) => !Object.hasOwn(FACTS, key)),
  };
}

export function caseOfReport({ threatLevel, findings, system }: z.output<typeof DecisionRequest>): Case {
  const organs: readonly KnownOrgan[] = (typeof system === 'object' && system?.organs) || [];
  const distinct = [...new Map(organs.map((organ) => [organ.name, organ])).values()];
  const text = findings.map((finding) => `${finding.message} ${finding.evidence}`).join('\n');
  return { ...emptyCase('report'), threatLevel, findings, organs: distinct, text };
}
