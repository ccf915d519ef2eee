/**
 * A case: what Elara is asked to judge. A question and a security report become the same thing, so that every
 * reasoning facet reads both.
 */

export const SEVERITIES = ['Low', 'Medium', 'High', 'Critical'] as const;
export type Severity = (typeof SEVERITIES)[number];
export type ThreatLevel = 'None' | Severity;

export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  /** The organ concerned; null when the finding concerns the system as a whole. */
  readonly organ: string | null;
  readonly message: string;
  readonly evidence: string;
  readonly remedy: string;
}

/** What the asker states about a question's circumstances. Absent = not stated. */
export interface Facts {
  readonly organ?: string | undefined;
  readonly severity?: Severity | undefined;
  readonly evidence?: readonly string[] | undefined;
  readonly reversible?: boolean | undefined;
  readonly backup?: boolean | undefined;
  readonly consent?: boolean | undefined;
  readonly urgent?: boolean | undefined;
  readonly critical?: boolean | undefined;
  /** How many people or organs the matter touches. */
  readonly affected?: number | undefined;
}

export interface KnownOrgan {
  readonly name: string;
  readonly critical: boolean;
}

/** An earlier judgement on the same findings, or on a question much like this one; newest first. */
export interface Precedent {
  readonly action: string;
  readonly organ: string | null;
  readonly at: number;
}

export interface Case {
  readonly kind: 'question' | 'report';
  /** The question, or the report's messages joined. */
  readonly text: string;
  readonly threatLevel: ThreatLevel;
  readonly findings: readonly Finding[];
  readonly facts: Facts;
  readonly organs: readonly KnownOrgan[];
  readonly precedents: readonly Precedent[];
}

const WEIGHT: Record<ThreatLevel, number> = { None: 0, Low: 0.25, Medium: 0.5, High: 0.75, Critical: 1 };

/** A severity as a number in 0..1. */
export function weightOf(level: ThreatLevel): number {
  return WEIGHT[level];
}

export function worst(findings: readonly Finding[]): number {
  return Math.max(0, ...findings.map((finding) => weightOf(finding.severity)));
}

/** The sum of severities per organ; findings about the whole system are under the empty name. */
export function implicated(findings: readonly Finding[]): Map<string, number> {
  const weights = new Map<string, number>();
  for (const { organ, severity } of findings)
    weights.set(organ ?? '', (weights.get(organ ?? '') ?? 0) + weightOf(severity));
  return weights;
}

/** The organ that carries most of the weight: what a measure against one organ would be aimed at. */
export function target(findings: readonly Finding[]): string | null {
  const named = [...implicated(findings)].filter(([organ]) => organ !== '');
  return named.sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

/** A case with nothing in it; the trials of the facets start from it. */
export function emptyCase(kind: Case['kind'], over: Partial<Case> = {}): Case {
  return { kind, text: '', threatLevel: 'None', findings: [], facts: {}, organs: [], precedents: [], ...over };
}

/** A report for a trial, from the few things that matter to it. */
export function reportOf(
  findings: readonly (Partial<Finding> & { severity: Severity })[],
  over: Partial<Case> = {},
): Case {
  const full = findings.map((finding, index) => ({
    id: `f${index}`,
    organ: 'mint',
    message: '',
    evidence: '',
    remedy: '',
    ...finding,
  }));
  const threatLevel =
    SEVERITIES.findLast((severity) => full.some((finding) => finding.severity === severity)) ?? 'None';
  return emptyCase('report', { findings: full, threatLevel, text: full.map((f) => f.message).join('\n'), ...over });
}

export function questionOf(text: string, facts: Facts = {}, over: Partial<Case> = {}): Case {
  return emptyCase('question', { text, facts, ...over });
}
