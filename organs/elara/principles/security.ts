import type { Finding } from '../case.ts';
import type { Principle, Votes } from '../principle.ts';
import { mentions, stems } from '../words.ts';

/** What a decision on a security report may be, mildest first, with the force each applies to the system. */
export const SECURITY_ACTIONS = ['observe', 'restart-organ', 'stop-organ', 'emergency-shutdown'] as const;
export type SecurityAction = (typeof SECURITY_ACTIONS)[number];

const FORCE: Record<SecurityAction, number> = {
  observe: 0.25,
  'restart-organ': 0.6,
  'stop-organ': 0.8,
  'emergency-shutdown': 1,
};

/** Votes that favour actions whose force is near what is warranted, and speak against those that are far from it. */
function near(warranted: number): Votes<SecurityAction> {
  const vote = (action: SecurityAction): number => 1 - 3 * Math.abs(FORCE[action] - warranted);
  return Object.fromEntries(SECURITY_ACTIONS.map((action) => [action, Math.max(-1, vote(action))]));
}

/** Votes where the remedies call for no intervention. */
const SPARE: Votes<SecurityAction> = {
  observe: 1,
  'restart-organ': -1,
  'stop-organ': -1,
  'emergency-shutdown': -1,
};

/** Votes for the intervention that the remedies name. */
function calledFor(findings: readonly Finding[]): Votes<SecurityAction> {
  const restart = findings.some(({ remedy }) => mentions(remedy, RESTART));
  return restart
    ? { observe: -0.4, 'restart-organ': 0.7, 'stop-organ': 0.2 }
    : { observe: -0.4, 'restart-organ': -0.2, 'stop-organ': 0.7, 'emergency-shutdown': 0.2 };
}

const RESTART = stems('restart');

/** The constitution for security reports. */
export const securityPrinciples: readonly Principle<SecurityAction>[] = [
  {
    name: 'Protect from harm',
    says: 'Grave harm must not be looked at idly while something can be done about it.',
    weight: 5,
    needs: ['safety', 'evidence', 'efficacy'],
    weigh: (r) => {
      if (r('safety').value < 0.7) return null;
      const gravest = r('safety').value === 1;
      return {
        strength: r('safety').value * r('evidence').value * Math.min(1, 2 * r('efficacy').value),
        votes: { observe: -1, 'restart-organ': 0.5, 'stop-organ': gravest ? 0.9 : 0.4, 'emergency-shutdown': 0.3 },
        because: r('safety').because,
      };
    },
  },
  {
    name: 'Least sufficient force',
    says: 'The response is as strong as the established facts warrant, and no stronger.',
    weight: 4,
    needs: ['proportionality'],
    weigh: (r) => ({ strength: 1, votes: near(r('proportionality').value), because: r('proportionality').because }),
  },
  {
    name: 'Act on evidence',
    says: 'What is claimed without evidence is watched, not acted upon.',
    weight: 4,
    needs: ['evidence'],
    weigh: (r) => ({
      strength: 1 - r('evidence').value,
      votes: { observe: 1, 'restart-organ': -0.2, 'stop-organ': -0.8, 'emergency-shutdown': -1 },
      because: r('evidence').because,
    }),
  },
  {
    name: 'Use the known remedy',
    says: 'Where the remedy is another, intervening in an organ only adds damage.',
    weight: 6,
    needs: ['efficacy'],
    weigh: (r, { findings }) => {
      const lean = (r('efficacy').value - 0.5) * 2;
      const votes = lean > 0 ? calledFor(findings) : SPARE;
      return { strength: Math.abs(lean), votes, because: r('efficacy').because };
    },
  },
  {
    name: 'Contain at the source',
    says: 'Trouble with one cause is met where it begins.',
    weight: 3,
    needs: ['causality', 'safety'],
    weigh: (r) =>
      r('causality').value < 0.6 || r('safety').value < 0.7
        ? null
        : {
            strength: r('causality').value,
            votes: { 'restart-organ': 0.5, 'stop-organ': 0.5, 'emergency-shutdown': -1 },
            because: r('causality').because,
          },
  },
  {
    name: 'Guard the whole',
    says: 'Established critical harm that reaches far outweighs any single organ.',
    weight: 6,
    needs: ['scope', 'safety', 'evidence'],
    weigh: (r) =>
      r('scope').value < 0.6 || r('safety').value < 1
        ? null
        : {
            strength: r('scope').value * r('evidence').value,
            votes: { 'emergency-shutdown': 1, 'stop-organ': -0.3, 'restart-organ': -0.3 },
            because: r('scope').because,
          },
  },
  {
    name: 'Learn from precedent',
    says: 'What did not hold before is not tried again in the same measure.',
    weight: 5,
    needs: ['precedent'],
    weigh: (r) => ({
      strength: r('precedent').value,
      votes: { observe: -0.6, 'restart-organ': -1, 'stop-organ': 1, 'emergency-shutdown': 0.2 },
      because: r('precedent').because,
    }),
  },
  {
    name: 'Prefer what can be undone',
    says: 'While the damage can be undone, the measure should be one that can be undone too.',
    weight: 2,
    needs: ['reversibility'],
    weigh: (r) => ({
      strength: r('reversibility').value,
      votes: { observe: 0.3, 'restart-organ': 0.4, 'stop-organ': -0.3, 'emergency-shutdown': -1 },
      because: r('reversibility').because,
    }),
  },
  {
    name: 'Keep serving',
    says: 'Those who depend on the service are not left without it lightly.',
    weight: 3,
    needs: ['continuity'],
    weigh: (r) => ({
      strength: r('continuity').value,
      votes: { observe: 0.2, 'restart-organ': 0.2, 'stop-organ': -0.8, 'emergency-shutdown': -0.8 },
      because: r('continuity').because,
    }),
  },
  {
    name: 'Keep confidences',
    says: 'A disclosure under way is ended, since what is out cannot be called back.',
    weight: 5,
    needs: ['privacy', 'evidence'],
    weigh: (r) =>
      r('privacy').value < 0.8
        ? null
        : {
            strength: r('privacy').value * r('evidence').value,
            votes: { observe: -0.6, 'restart-organ': -0.4, 'stop-organ': 1 },
            because: r('privacy').because,
          },
  },
  {
    name: 'Doubt counsels patience',
    says: 'What is not understood is looked into before it is acted upon.',
    weight: 3,
    needs: ['uncertainty'],
    weigh: (r) =>
      r('uncertainty').value < 0.4
        ? null
        : {
            strength: r('uncertainty').value,
            votes: { observe: 1, 'stop-organ': -0.5, 'emergency-shutdown': -1 },
            because: r('uncertainty').because,
          },
  },
  {
    name: 'Delay is a choice',
    says: 'Where waiting costs, waiting has to be answered for.',
    weight: 2,
    needs: ['urgency', 'evidence'],
    weigh: (r) =>
      r('urgency').value < 0.6
        ? null
        : {
            strength: r('urgency').value * r('evidence').value,
            votes: { observe: -0.8, 'restart-organ': 0.3, 'stop-organ': 0.4, 'emergency-shutdown': 0.2 },
            because: r('urgency').because,
          },
  },
  {
    name: 'Like cases alike',
    says: 'Of organs that are implicated alike, none is singled out.',
    weight: 2,
    needs: ['fairness'],
    weigh: (r) =>
      r('fairness').value >= 0.6
        ? null
        : {
            strength: 1 - r('fairness').value,
            votes: { observe: 0.4, 'restart-organ': -0.3, 'stop-organ': -0.8, 'emergency-shutdown': 0.4 },
            because: r('fairness').because,
          },
  },
];
