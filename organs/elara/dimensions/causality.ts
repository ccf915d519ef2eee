import { implicated, questionOf, reportOf } from '../case.ts';
import { type Dimension, round } from '../dimension.ts';

/** Whether the trouble points at one cause: the share of the weight that lies on the most implicated organ. */
const causality: Dimension = {
  name: 'causality',
  asks: 'Does it point at one cause?',
  scale: ['at none', 'at one alone'],
  read: ({ kind, findings, facts, text, organs }) => {
    if (kind === 'question') {
      const named = organs.filter((organ) => text.toLowerCase().includes(organ.name)).map((organ) => organ.name);
      const all = [...new Set([...named, ...(facts.organ ? [facts.organ] : [])])];
      const because = all.length ? `it names ${all.join(', ')}` : 'it names no organ';
      return { value: all.length === 0 ? 0 : round(1 / all.length), because };
    }
    const weights = implicated(findings);
    const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
    const named = [...weights].filter(([organ]) => organ !== '').sort(([, a], [, b]) => b - a)[0];
    if (!named) return { value: 0, because: 'no organ is named' };
    return { value: round(named[1] / total), because: `${named[0]} carries ${round(named[1])} of ${round(total)}` };
  },
  trials: [
    { name: 'one organ', given: reportOf([{ severity: 'Low' }, { severity: 'High' }]), between: [1, 1] },
    {
      name: 'three organs alike',
      given: reportOf(['a', 'b', 'c'].map((organ) => ({ severity: 'High' as const, organ }))),
      between: [0.3, 0.34],
    },
    { name: 'the system as a whole', given: reportOf([{ severity: 'High', organ: null }]), between: [0, 0] },
    { name: 'a question on one organ', given: questionOf('Restart it?', { organ: 'mint' }), between: [1, 1] },
  ],
};

export default causality;
