import { implicated, questionOf, reportOf } from '../case.ts';
import { type Dimension, round } from '../dimension.ts';
import { found, mentions, stems } from '../words.ts';

const TRAITS = stems(
  'race\\b',
  'racial',
  'ethnic',
  'gender',
  'women',
  'men\\b',
  'girl',
  'boy',
  'religio',
  'disab(?:led|ilit)',
  'foreign',
  'nationalit',
  'orientation',
  'pregnan',
  'poor\\b',
  'rich\\b',
);
const UNEQUAL = stems(
  'only',
  'except',
  'deny',
  'den(?:y|ied)',
  'exclud',
  'refus',
  'ban\\b',
  'prefer',
  'less',
  'lower',
  'charge more',
  'reject',
);

/** Whether like is treated as like: people in a question, equally implicated organs in a report. */
const fairness: Dimension = {
  name: 'fairness',
  asks: 'Is like treated as like?',
  scale: ['somebody is singled out', 'even-handed'],
  read: ({ kind, text, findings }) => {
    if (kind === 'question') {
      const traits = found(text, TRAITS);
      if (traits.length === 0) return { value: 1, because: 'it divides nobody' };
      return mentions(text, UNEQUAL)
        ? { value: 0.1, because: `it treats people apart by ${traits.join(', ')}` }
        : { value: 0.7, because: `it speaks of ${traits.join(', ')}` };
    }
    const weights = [...implicated(findings).values()];
    const alike = weights.filter((weight) => weight === Math.max(...weights)).length;
    if (alike <= 1) return { value: 1, because: 'no second organ is implicated as much' };
    return { value: round(1 / alike), because: `${alike} organs are implicated alike` };
  },
  trials: [
    { name: 'exclusion by a trait', given: questionOf('May we exclude girls from physics?'), between: [0, 0.2] },
    { name: 'a trait in passing', given: questionOf('How many girls study physics?'), between: [0.6, 0.8] },
    { name: 'nobody divided', given: questionOf('May all enrol?'), between: [1, 1] },
    { name: 'one culprit', given: reportOf([{ severity: 'High' }]), between: [1, 1] },
    {
      name: 'two alike',
      given: reportOf([{ severity: 'High' }, { severity: 'High', organ: 'aegis' }]),
      between: [0.5, 0.5],
    },
  ],
};

export default fairness;
