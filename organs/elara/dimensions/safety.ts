import { questionOf, reportOf, worst } from '../case.ts';
import type { Dimension } from '../dimension.ts';
import { found, mentions, stems } from '../words.ts';

const HARM = stems(
  'harm',
  'hurt',
  'injur',
  'murder',
  'kill (?:(?:a|the|some|my) )?(?:person|people|learner|child|teacher|some(?:one|body)|him|her|myself)',
  'attack',
  'weapon',
  'poison',
  'exploit',
  'steal',
  'fraud',
  'abus',
  'bypass',
);
const SHIELD = stems('protect', 'prevent', 'avoid', 'defend', 'against', 'safe from', 'recover');

/** How much harm is at stake. A question that speaks of shielding from harm is read at a third. */
const safety: Dimension = {
  name: 'safety',
  asks: 'How much harm is at stake?',
  scale: ['none', 'the gravest'],
  read: ({ kind, findings, text, facts }) => {
    if (kind === 'report') {
      return { value: worst(findings), because: `${findings.length} finding(s), the worst weighs ${worst(findings)}` };
    }
    const harms = found(text, HARM);
    const spoken = Math.min(1, harms.length === 0 ? 0 : 0.7 + 0.15 * (harms.length - 1));
    const shielded = mentions(text, SHIELD) ? spoken / 3 : spoken;
    const value = facts.consent === false ? Math.max(shielded, 0.5) : shielded;
    return { value, because: harms.length ? `it speaks of ${harms.join(', ')}` : 'it speaks of no harm' };
  },
  trials: [
    { name: 'an empty report', given: reportOf([]), between: [0, 0] },
    { name: 'a critical finding', given: reportOf([{ severity: 'Low' }, { severity: 'Critical' }]), between: [1, 1] },
    { name: 'a harmful question', given: questionOf('How do I attack and harm a learner?'), between: [0.7, 1] },
    { name: 'a shielding question', given: questionOf('How do we protect learners from harm?'), between: [0, 0.4] },
    { name: 'a word with a harmless sense', given: questionOf('How do I kill the stuck process?'), between: [0, 0] },
    { name: 'a harmless question', given: questionOf('Which course follows algebra?'), between: [0, 0] },
  ],
};

export default safety;
