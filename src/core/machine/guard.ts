import type { NewEvent } from '../events.ts';
import type { JsonObject } from '../json.ts';
import { compareFindings, type Decision, type Finding, isAtLeast, threatLevelOf, toEscalate } from '../security.ts';
import type { Effect } from './effects.ts';
import { instancesOf } from './relations.ts';
import type { SystemState } from './state.ts';

/** What follows from a round of the security monitor, and from a decision about its report. */

export interface Guarded {
  readonly state: SystemState;
  readonly effects: readonly Effect[];
  /** An emergency to begin, by its reason. */
  readonly emergency: string | null;
}

/** One round's findings: what is new and what is over is said, a report goes out, or the emergency is there. */
export function onFindings(system: SystemState, findings: readonly Finding[]): Guarded {
  const difference = compareFindings(system.security.findings, findings);
  const threatLevel = threatLevelOf(findings);
  const state = { ...system, security: { findings, threatLevel } };
  const emergency = emergencyBy(state);
  if (difference.news.length === 0 && difference.over.length === 0) return { state, effects: [], emergency };

  const effects: Effect[] = [
    ...difference.news.map((finding) =>
      alert(finding.organ, `${finding.severity}: ${finding.message} (${finding.evidence}). ${finding.remedy}`, {
        kind: 'finding',
        threatLevel,
        finding: { ...finding },
      }),
    ),
    ...difference.over.map((finding) =>
      alert(finding.organ, `over: ${finding.message}`, { kind: 'over', threatLevel, finding: { ...finding } }),
    ),
  ];
  if (emergency) return { state, effects, emergency };
  const report = toEscalate(difference, system.config.security);
  const { escalate } = system.config.security;
  if (escalate && report.length > 0 && isAtLeast(threatLevel, escalate.at)) {
    effects.push(
      alert(escalate.organ, `${report.length} findings are reported to ${escalate.organ} for a decision`, {
        kind: 'report',
        threatLevel,
        findings: report.map((finding) => finding.id),
      }),
      { type: 'escalate', findings: report, threatLevel },
    );
  }
  return { state, effects, emergency: null };
}

/** Also one that was found while the system still booted: booting has its own end. */
function emergencyBy({ config, boot, security }: SystemState): string | null {
  if (boot.phase !== 'ready' || !config.emergency.on.includes('security-critical')) return null;
  const critical = security.findings.find((finding) => finding.severity === 'Critical');
  return critical ? `security finding ${critical.id}: ${critical.message}` : null;
}

/** What is to be carried out of a decision: as much as `security.allow` says, and everything is an event. */
export function onDecision(
  system: SystemState,
  answer: Decision | string,
): { readonly effects: readonly Effect[]; readonly act: Decision | null } {
  const asked = system.config.security.escalate?.organ ?? null;
  if (typeof answer === 'string') {
    return { effects: [alert(asked, `no decision: ${answer}`, { kind: 'no-decision', why: answer })], act: null };
  }
  const { action, organ, reason, confidence } = answer;
  const target = organ ? ` ${organ}` : '';
  const because = `${reason ? `: ${reason}` : ''}${confidence === null ? '' : ` (confidence ${confidence})`}`;
  const decided = alert(asked, `${asked} decided: ${action}${target}${because}`, {
    kind: 'decision',
    action,
    organ,
    reason,
    confidence,
  });
  const refusal = whyNot(system, answer);
  if (refusal) {
    const message = `the decision ${action}${target} is not carried out: ${refusal}`;
    return { effects: [decided, alert(organ, message, { kind: 'refused', action, organ, why: refusal })], act: null };
  }
  if (action === 'observe') return { effects: [decided], act: null };
  const carried = alert(organ, `the decision ${action}${target} is carried out`, {
    kind: 'carried-out',
    action,
    organ,
  });
  return { effects: [decided, carried], act: answer };
}

function whyNot(system: SystemState, { action, organ }: Decision): string | null {
  const { allow } = system.config.security;
  if (action !== 'observe' && !allow.includes(action))
    return `security.allow lists only ${allow.join(', ') || 'nothing'}`;
  if (organ !== null && !system.config.organs[organ]) return `there is no organ ${organ}`;
  if (action === 'restart-organ' && instancesOf(system, organ!).every(({ desired }) => desired === 'down'))
    return `${organ} is down, and stays so until someone starts it`;
  return null;
}

function alert(organ: string | null, message: string, data: JsonObject): Effect {
  const event: NewEvent = { type: 'security-alert', organ, instance: null, message, data };
  return { type: 'emit', event };
}
