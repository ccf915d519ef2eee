import type { Principle } from '../principle.ts';
import { measureIn } from '../words.ts';

/** What guidance on a question may be. */
export const GUIDANCE_ACTIONS = ['proceed', 'proceed-with-care', 'ask-first', 'decline'] as const;
export type GuidanceAction = (typeof GUIDANCE_ACTIONS)[number];

const isGuidanceAction = (action: string): action is GuidanceAction =>
  GUIDANCE_ACTIONS.some((known) => known === action);

/** The constitution for questions. */
export const guidancePrinciples: readonly Principle<GuidanceAction>[] = [
  {
    name: 'Freedom to act',
    says: 'What harms nobody, is fair and can be undone needs no permission.',
    weight: 4,
    needs: ['safety', 'fairness', 'reversibility', 'privacy'],
    weigh: (r) => ({
      strength: Math.min(1 - r('safety').value, r('fairness').value, r('reversibility').value, 1 - r('privacy').value),
      votes: { proceed: 1, 'proceed-with-care': 0.2, 'ask-first': -0.4, decline: -1 },
      because: `${r('safety').because}, ${r('fairness').because}, ${r('reversibility').because}`,
    }),
  },
  {
    name: 'Do no harm',
    says: 'What is meant to harm is not helped.',
    weight: 6,
    needs: ['safety'],
    weigh: (r) =>
      r('safety').value < 0.45
        ? null
        : {
            strength: r('safety').value,
            votes: { proceed: -1, 'proceed-with-care': -0.6, 'ask-first': 0.2, decline: 1 },
            because: r('safety').because,
          },
  },
  {
    name: 'Equal dignity',
    says: 'Nobody is treated as less for what they are.',
    weight: 6,
    needs: ['fairness'],
    weigh: (r) =>
      r('fairness').value >= 0.6
        ? null
        : {
            strength: 1 - r('fairness').value,
            votes: { proceed: -1, 'proceed-with-care': -0.7, 'ask-first': 0.1, decline: 1 },
            because: r('fairness').because,
          },
  },
  {
    name: 'Keep confidences',
    says: 'What was entrusted is not passed on without consent.',
    weight: 6,
    needs: ['privacy'],
    weigh: (r) => ({
      strength: r('privacy').value,
      votes:
        r('privacy').value > 0.8
          ? { proceed: -1, 'proceed-with-care': -0.8, 'ask-first': -0.4, decline: 1 }
          : { proceed: -0.4, 'proceed-with-care': 0.6 },
      because: r('privacy').because,
    }),
  },
  {
    name: 'Prefer what can be undone',
    says: 'A step that cannot be taken back is agreed upon first.',
    weight: 5,
    needs: ['reversibility'],
    weigh: (r) =>
      r('reversibility').value >= 0.7
        ? null
        : {
            strength: 1 - r('reversibility').value,
            votes: { proceed: -1, 'proceed-with-care': 0.3, 'ask-first': 0.8, decline: 0.1 },
            because: r('reversibility').because,
          },
  },
  {
    name: 'Measure and grounds',
    says: 'A strong measure needs strong grounds.',
    weight: 4,
    needs: ['proportionality', 'evidence'],
    weigh: (r, { text }) => {
      const { force, word } = measureIn(text);
      const excess = force - r('proportionality').value;
      if (excess <= 0.2) return null;
      return {
        strength: Math.min(1, excess),
        votes: { proceed: -0.8, 'proceed-with-care': -0.1, 'ask-first': 1, decline: 0.2 },
        because: `"${word}" is strong; ${r('proportionality').because}; ${r('evidence').because}`,
      };
    },
  },
  {
    name: 'Those who are touched',
    says: 'What reaches many is done with care.',
    weight: 2,
    needs: ['scope'],
    weigh: (r, { text }) =>
      r('scope').value < 0.6 || measureIn(text).force < 0.4
        ? null
        : {
            strength: r('scope').value,
            votes: { proceed: -0.5, 'proceed-with-care': 0.7, 'ask-first': 0.4 },
            because: r('scope').because,
          },
  },
  {
    name: 'Keep serving',
    says: 'Those who depend on the service are not left without it lightly.',
    weight: 3,
    needs: ['continuity'],
    weigh: (r) =>
      r('continuity').value < 0.4
        ? null
        : {
            strength: r('continuity').value,
            votes: { proceed: -0.8, 'proceed-with-care': 0.2, 'ask-first': 0.8 },
            because: r('continuity').because,
          },
  },
  {
    name: 'Ask when unsure',
    says: 'Where much is not known, a question is the better answer.',
    weight: 2,
    needs: ['uncertainty'],
    weigh: (r) =>
      r('uncertainty').value < 0.6
        ? null
        : {
            strength: r('uncertainty').value,
            votes: { proceed: -0.4, 'proceed-with-care': 0.2, 'ask-first': 0.8 },
            because: r('uncertainty').because,
          },
  },
  {
    name: 'Delay is a choice',
    says: 'Where waiting costs, going on with care may be better than asking.',
    weight: 2,
    needs: ['urgency'],
    weigh: (r) =>
      r('urgency').value < 0.6
        ? null
        : {
            strength: r('urgency').value,
            votes: { 'proceed-with-care': 0.7, 'ask-first': -0.7 },
            because: r('urgency').because,
          },
  },
  {
    name: 'Like questions alike',
    says: 'What was answered before is answered alike, unless its circumstances differ.',
    weight: 1,
    needs: ['precedent'],
    weigh: (r, { precedents }) => {
      const [latest] = precedents;
      if (!latest || !isGuidanceAction(latest.action)) return null;
      return { strength: r('precedent').value, votes: { [latest.action]: 1 }, because: r('precedent').because };
    },
  },
];
