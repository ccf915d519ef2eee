import type { DecisionAction, SecurityConfig, ThreatLevel } from './config/model.ts';
import type { SystemEvent } from './events.ts';

/** Findings, the threat level that follows from them, and what may be done about it. */

export type Severity = Exclude<ThreatLevel, 'None'>;

export interface Finding {
  /** The same for the same matter from round to round. */
  readonly id: string;
  readonly severity: Severity;
  /** null: the machine, or azora's own files. */
  readonly organ: string | null;
  /** What is the matter, one sentence. */
  readonly message: string;
  /** What was seen: a path and its mode, an address, a pid. */
  readonly evidence: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** What an organ that was asked decided. */
export interface Decision {
  readonly action: DecisionAction;
  readonly organ: string | null;
  readonly reason: string;
  /** 0-1; null when it did not say. */
  readonly confidence: number | null;
}

export interface SecurityState {
  readonly findings: readonly Finding[];
  readonly threatLevel: ThreatLevel;
}

export const SECURE: SecurityState = { findings: [], threatLevel: 'None' };

const LEVELS: readonly ThreatLevel[] = ['None', 'Low', 'Medium', 'High', 'Critical'];
const rank = (level: ThreatLevel): number => LEVELS.indexOf(level);

export const isAtLeast = (level: ThreatLevel, least: ThreatLevel): boolean => rank(level) >= rank(least);

/** The highest open one. */
export function threatLevelOf(findings: readonly Finding[]): ThreatLevel {
  return findings.reduce<ThreatLevel>((worst, { severity }) => (isAtLeast(worst, severity) ? worst : severity), 'None');
}

/** One finding for each matter, however many processes show it: the gravest, with all the evidence. */
export function mergeFindings(findings: readonly Finding[]): Finding[] {
  return [...Map.groupBy(findings, ({ id }) => id).values()].map((same) => {
    const [first] = same;
    if (same.length === 1) return first!;
    const evidence = [...new Set(same.map((finding) => finding.evidence))].sort().join('; ');
    return { ...first!, severity: threatLevelOf(same) as Severity, evidence };
  });
}

/** What is open after the events of a boot, oldest first: a supervisor that takes over goes on from there. */
export function securityAfter(events: readonly Pick<SystemEvent, 'type' | 'data'>[]): SecurityState {
  const open = new Map<string, Finding>();
  for (const { type, data } of events) {
    if (type !== 'security-alert' || (data.kind !== 'finding' && data.kind !== 'over')) continue;
    const finding = data.finding as unknown as Finding;
    if (data.kind === 'over') open.delete(finding.id);
    else open.set(finding.id, finding);
  }
  const findings = [...open.values()];
  return { findings, threatLevel: threatLevelOf(findings) };
}

export interface Difference {
  /** Not there before, or there with another severity or evidence. */
  readonly news: readonly Finding[];
  /** There before, and not any more. */
  readonly over: readonly Finding[];
}

export function compareFindings(before: readonly Finding[], now: readonly Finding[]): Difference {
  const known = new Map(before.map((finding) => [finding.id, finding]));
  const present = new Set(now.map((finding) => finding.id));
  return {
    news: now.filter((finding) => {
      const had = known.get(finding.id);
      return !had || had.severity !== finding.severity || had.evidence !== finding.evidence;
    }),
    over: before.filter((finding) => !present.has(finding.id)),
  };
}

/** The findings that a report for a decision is about: what is new and grave enough. Empty: nobody is asked. */
export function toEscalate(difference: Difference, config: SecurityConfig): readonly Finding[] {
  const { escalate } = config;
  if (!escalate) return [];
  return difference.news.filter((finding) => isAtLeast(finding.severity, escalate.at));
}

const ACTIONS: readonly string[] = ['observe', 'restart-organ', 'stop-organ', 'emergency-shutdown'];

/** Reads what an organ answered to a report; a text says why it is no decision. */
export function readDecision(body: unknown): Decision | string {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'the answer is not a JSON object';
  const { action, organ = null, reason = '', confidence = null } = body as Record<string, unknown>;
  if (typeof action !== 'string' || !ACTIONS.includes(action)) {
    return `the action is ${JSON.stringify(action)}, and not one of ${ACTIONS.join(', ')}`;
  }
  if (organ !== null && typeof organ !== 'string') return 'organ is not a name';
  const needsOrgan = action === 'restart-organ' || action === 'stop-organ';
  if (needsOrgan && organ === null) return `${action} names no organ`;
  return {
    action: action as DecisionAction,
    organ,
    reason: reasonText(reason),
    confidence: typeof confidence === 'number' ? confidence : null,
  };
}

/** A sentence, or what a list of reasons comes to. */
function reasonText(reason: unknown): string {
  if (typeof reason === 'string') return reason;
  return Array.isArray(reason) ? reason.map((part) => reasonText(part)).join('; ') : JSON.stringify(reason ?? '');
}
