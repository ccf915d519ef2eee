import { type Case, target } from './case.ts';
import { type Readings, round } from './dimension.ts';
import { consult, type Fired, type Principle } from './principle.ts';
import { GUIDANCE_ACTIONS, type GuidanceAction, guidancePrinciples } from './principles/guidance.ts';
import { SECURITY_ACTIONS, type SecurityAction, securityPrinciples } from './principles/security.ts';

/** What was judged, and everything that led there. */
export interface Judgement<Action extends string = string> {
  readonly action: Action;
  /** The organ that the action is aimed at; null when it is aimed at none. */
  readonly organ: string | null;
  readonly reason: string;
  /** 0..1: the share of the say that the action won over all others, lowered by uncertainty. */
  readonly confidence: number;
  /** Each action's sum of weight × strength × vote. */
  readonly scores: Readonly<Record<string, number>>;
  readonly principles: readonly Fired<Action>[];
  readonly dimensions: readonly { readonly name: string; readonly value: number; readonly because: string }[];
}

/** Judges a security report. Measures against an organ are open only where the report implicates one. */
export function decide(about: Case, readings: Readings): Judgement<SecurityAction> {
  const aim = target(about.findings);
  const open = aim ? SECURITY_ACTIONS : (['observe', 'emergency-shutdown'] as const);
  const judged = judge(open, securityPrinciples, about, readings);
  const aimed = judged.action === 'restart-organ' || judged.action === 'stop-organ';
  return { ...judged, organ: aimed ? aim : null };
}

/** Judges a question. */
export function guide(about: Case, readings: Readings): Judgement<GuidanceAction> {
  return judge(GUIDANCE_ACTIONS, guidancePrinciples, about, readings);
}

/** Weighs the principles; on a tie the milder action (the earlier one) wins. */
function judge<Action extends string>(
  open: readonly Action[],
  principles: readonly Principle<Action>[],
  about: Case,
  readings: Readings,
): Judgement<Action> {
  const fired = consult(principles, readings, about);
  const scored = open.map((action) => ({ action, score: round(support(fired, action)) }));
  const [first, ...others] = scored.toSorted((a, b) => b.score - a.score);
  if (!first) throw new Error('a judgement needs at least one open action');
  return {
    action: first.action,
    organ: null,
    reason: reasonFor(first.action, fired),
    confidence: confidenceIn(
      first.score,
      others.map(({ score }) => score),
      readings,
    ),
    scores: Object.fromEntries(scored.map(({ action, score }) => [action, score])),
    principles: fired.toSorted((a, b) => say(b, first.action) - say(a, first.action)),
    dimensions: [...readings].map(([name, { value, because }]) => ({ name, value: round(value), because })),
  };
}

function say<Action extends string>(fired: Fired<Action>, action: Action): number {
  return fired.weight * fired.strength * (fired.votes[action] ?? 0);
}

function support<Action extends string>(fired: readonly Fired<Action>[], action: Action): number {
  return fired.reduce((sum, voice) => sum + say(voice, action), 0);
}

/** The winner's share by softmax over the scores, lowered by up to half where the case is uncertain. Two decimals. */
function confidenceIn(winner: number, others: readonly number[], readings: Readings): number {
  const share = 1 / (1 + others.reduce((sum, score) => sum + Math.exp((score - winner) / 2), 0));
  const uncertainty = readings.get('uncertainty')?.value ?? 1;
  return Math.round(share * (1 - 0.5 * uncertainty) * 100) / 100;
}

/** The principles that spoke loudest for the action, in words. */
function reasonFor<Action extends string>(action: Action, fired: readonly Fired<Action>[]): string {
  const speaking = fired.filter((voice) => say(voice, action) > 0).toSorted((a, b) => say(b, action) - say(a, action));
  if (speaking.length === 0) return `No principle speaks for more than to ${action}.`;
  return speaking
    .slice(0, 3)
    .map(({ principle, because }) => `${principle}: ${because}.`)
    .join(' ');
}
