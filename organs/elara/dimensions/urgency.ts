import { questionOf, reportOf, worst } from '../case.ts';
import type { Dimension } from '../dimension.ts';
import { found, stems } from '../words.ts';

const PRESSING = stems(
  'now\\b',
  'immediate',
  'urgent',
  'emergency',
  'ongoing',
  'in progress',
  'spreading',
  'active attack',
  'asap\\b',
  'under way',
);

/** How much waiting costs: words of haste, and in a report the severity. */
const urgency: Dimension = {
  name: 'urgency',
  asks: 'What does waiting cost?',
  scale: ['nothing', 'everything'],
  read: ({ kind, text, findings, facts }) => {
    const words = found(text, PRESSING);
    const base = kind === 'report' ? worst(findings) * 0.6 : facts.urgent ? 0.7 : 0.1;
    const value = Math.min(1, base + (words.length > 0 ? 0.35 : 0));
    return { value, because: words.length > 0 ? `it is said to be ${words.join(', ')}` : 'no word of haste' };
  },
  trials: [
    {
      name: 'an ongoing attack',
      given: reportOf([{ severity: 'High', message: 'attack ongoing' }]),
      between: [0.75, 1],
    },
    { name: 'a low finding', given: reportOf([{ severity: 'Low' }]), between: [0, 0.3] },
    { name: 'a question without haste', given: questionOf('Which course is next?'), between: [0, 0.2] },
    { name: 'a hasty question', given: questionOf('Must I act now?', { urgent: true }), between: [0.9, 1] },
  ],
};

export default urgency;
