import { questionOf, reportOf, weightOf } from '../case.ts';
import { type Dimension, round } from '../dimension.ts';

/** The strongest response that the facts warrant: what is established counts in full, a bare claim by half. */
const proportionality: Dimension = {
  name: 'proportionality',
  asks: 'How strong a response do the facts warrant?',
  scale: ['none', 'the strongest'],
  read: ({ kind, findings, facts }) => {
    if (kind === 'question') {
      const grounds = facts.severity ? weightOf(facts.severity) : 0.25;
      const value = Math.min(1, grounds + 0.1 * (facts.evidence?.length ?? 0));
      return { value: round(value), because: `grounds stated: ${facts.severity ?? 'none'}` };
    }
    const warranted = findings.map((f) => weightOf(f.severity) * (f.evidence.trim() === '' ? 0.5 : 1));
    const value = Math.max(0, ...warranted);
    return { value, because: `the gravest that is established warrants ${value}` };
  },
  trials: [
    { name: 'nothing found', given: reportOf([]), between: [0, 0] },
    {
      name: 'established and critical',
      given: reportOf([{ severity: 'Critical', evidence: 'seen' }]),
      between: [1, 1],
    },
    { name: 'claimed and critical', given: reportOf([{ severity: 'Critical' }]), between: [0.5, 0.5] },
    { name: 'a question without grounds', given: questionOf('Delete it?'), between: [0, 0.3] },
    { name: 'a question with grave grounds', given: questionOf('Stop it?', { severity: 'High' }), between: [0.7, 0.8] },
  ],
};

export default proportionality;
