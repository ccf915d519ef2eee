import { questionOf, reportOf, target } from '../case.ts';
import type { Dimension } from '../dimension.ts';

const MEASURES = new Set(['restart-organ', 'stop-organ', 'emergency-shutdown']);

/**
 * What the audit log knows. Of a report: how often a measure was decided against the organ that it now implicates most, and the
 * finding is here again. Of a question: how often it was asked.
 */
const precedent: Dimension = {
  name: 'precedent',
  asks: 'Was it met before, and did what was done then hold?',
  scale: ['never met', 'met again and again'],
  read: ({ kind, precedents, findings }) => {
    const aim = target(findings);
    const isMeasure = (action: string, organ: string | null) => MEASURES.has(action) && organ === aim;
    const counted = kind === 'report' ? precedents.filter(({ action, organ }) => isMeasure(action, organ)) : precedents;
    const value = 1 - 0.4 ** counted.length;
    const because =
      kind === 'report'
        ? `${counted.length} earlier measure(s) did not hold`
        : `${counted.length} earlier question(s) much like it`;
    return { value, because };
  },
  trials: [
    { name: 'never met', given: reportOf([{ severity: 'High' }]), between: [0, 0] },
    { name: 'only observed before', given: past('report', 'observe'), between: [0, 0] },
    { name: 'restarted once before', given: past('report', 'restart-organ'), between: [0.55, 0.65] },
    {
      name: 'another organ restarted before',
      given: {
        ...past('report', 'restart-organ'),
        findings: reportOf([{ severity: 'High', organ: 'aegis' }]).findings,
      },
      between: [0, 0],
    },
    { name: 'restarted twice', given: past('report', 'restart-organ', 'restart-organ'), between: [0.8, 0.9] },
    { name: 'asked before', given: past('question', 'proceed'), between: [0.55, 0.65] },
  ],
};

function past(kind: 'report' | 'question', ...actions: string[]) {
  const precedents = actions.map((action, index) => ({ action, organ: 'mint', at: index }));
  return kind === 'report'
    ? reportOf([{ severity: 'High' }], { precedents })
    : questionOf('Again?', {}, { precedents });
}

export default precedent;
