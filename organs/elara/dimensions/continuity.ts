import { questionOf, reportOf, target } from '../case.ts';
import type { Dimension } from '../dimension.ts';
import { measureIn } from '../words.ts';

/** What an interruption would cost: of a question the measure it asks for, of a report the target being critical. */
const continuity: Dimension = {
  name: 'continuity',
  asks: 'What would an interruption cost?',
  scale: ['nothing', 'the service itself'],
  read: ({ kind, text, facts, findings, organs }) => {
    if (kind === 'question') {
      const { force, word } = measureIn(text);
      if (force < 0.6) return { value: 0.1, because: 'it interrupts nothing' };
      return {
        value: facts.critical ? 1 : force * 0.8,
        because: `${word}${facts.critical ? ' of something critical' : ''}`,
      };
    }
    const name = target(findings);
    if (!name) return { value: 0.5, because: 'no single organ would be interrupted' };
    const organ = organs.find((known) => known.name === name);
    if (!organ) return { value: 0.5, because: `whether ${name} is critical is not known` };
    return organ.critical
      ? { value: 1, because: `${name} is critical` }
      : { value: 0.3, because: `${name} is not critical` };
  },
  trials: [
    { name: 'a critical target', given: about(true), between: [1, 1] },
    { name: 'a target that is not', given: about(false), between: [0.2, 0.4] },
    { name: 'an unknown target', given: reportOf([{ severity: 'High' }]), between: [0.5, 0.5] },
    { name: 'a look', given: questionOf('Which course is next?'), between: [0, 0.2] },
    { name: 'a shutdown', given: questionOf('May I shut down the chain?'), between: [0.7, 0.9] },
  ],
};

function about(critical: boolean) {
  return reportOf([{ severity: 'High', organ: 'mint' }], { organs: [{ name: 'mint', critical }] });
}

export default continuity;
