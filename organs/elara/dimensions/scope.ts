import { emptyCase, questionOf, reportOf } from '../case.ts';
import { type Dimension, round } from '../dimension.ts';
import { found, stems } from '../words.ts';

const WHOLE = stems('all\\b', 'every', 'entire', 'whole', 'the system');

/** How much of the system, or how many people, it touches. Organs unknown to the report count as a system of five. */
const scope: Dimension = {
  name: 'scope',
  asks: 'How far does it reach?',
  scale: ['nobody', 'everybody'],
  read: ({ kind, text, findings, facts, organs }) => {
    if (kind === 'question') {
      const words = found(text, WHOLE);
      if (facts.affected !== undefined) {
        return { value: round(Math.min(1, Math.log10(1 + facts.affected) / 3)), because: `${facts.affected} affected` };
      }
      return words.length > 0
        ? { value: 0.9, because: `it speaks of ${words.join(', ')}` }
        : { value: 0.2, because: 'it names no wide circle' };
    }
    const grave = findings.filter((finding) => finding.severity === 'High' || finding.severity === 'Critical');
    if (grave.some((finding) => finding.organ === null))
      return { value: 1, because: 'a grave finding on the whole system' };
    const touched = new Set(grave.map((finding) => finding.organ)).size;
    const known = Math.max(organs.length, 5);
    return { value: round(Math.min(1, touched / known)), because: `grave findings on ${touched} of ${known} organs` };
  },
  trials: [
    { name: 'nothing', given: emptyCase('report'), between: [0, 0] },
    { name: 'one organ of five', given: reportOf([{ severity: 'High' }]), between: [0.2, 0.2] },
    { name: 'the whole system', given: reportOf([{ severity: 'Critical', organ: null }]), between: [1, 1] },
    { name: 'a slight thing everywhere', given: reportOf([{ severity: 'Low', organ: null }]), between: [0, 0] },
    { name: 'every learner', given: questionOf('Move every learner?'), between: [0.8, 1] },
    { name: 'nine people', given: questionOf('Move them?', { affected: 9 }), between: [0.3, 0.4] },
  ],
};

export default scope;
