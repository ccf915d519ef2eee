import { questionOf, reportOf, weightOf, worst } from '../case.ts';
import { type Dimension, round } from '../dimension.ts';
import { found, stems } from '../words.ts';

const HEDGES = stems(
  'maybe',
  'perhaps',
  'possibl',
  'might',
  'unsure',
  'uncertain',
  'unknown',
  'guess',
  'suspect',
  'seems',
);

/** How much is not known: parts missing from the findings, hedged words, a threat level that its findings do not bear out. */
const uncertainty: Dimension = {
  name: 'uncertainty',
  asks: 'How much is not known?',
  scale: ['nothing', 'nearly all'],
  read: ({ kind, text, findings, facts, threatLevel }) => {
    const hedges = found(text, HEDGES);
    const doubt = hedges.length > 0 ? 0.25 : 0;
    const hedged = hedges.length > 0 ? `; hedged: ${hedges.join(', ')}` : '';
    if (kind === 'question') {
      const stated = Object.values(facts).filter((fact) => fact !== undefined).length;
      const value = Math.min(1, 0.5 * 0.7 ** stated + doubt + (text.trim().split(/\s+/).length < 3 ? 0.25 : 0));
      return { value: round(value), because: `${stated} fact(s) stated${hedged}` };
    }
    const parts = findings.flatMap((finding) => [finding.evidence, finding.remedy, finding.organ ?? '']);
    const missing = parts.filter((part) => part.trim() === '').length;
    const gap = Math.abs(weightOf(threatLevel) - worst(findings));
    const share = parts.length === 0 ? 0 : missing / parts.length;
    const because = `${missing} of ${parts.length} parts missing, level and findings ${gap} apart${hedged}`;
    return { value: round(Math.min(1, 0.6 * share + gap + doubt)), because };
  },
  trials: [
    {
      name: 'a full finding',
      given: reportOf([{ severity: 'High', evidence: 'seen', remedy: 'restart' }]),
      between: [0, 0],
    },
    { name: 'a bare finding', given: reportOf([{ severity: 'High', organ: null }]), between: [0.6, 0.6] },
    { name: 'alarm without findings', given: reportOf([], { threatLevel: 'Critical' }), between: [1, 1] },
    { name: 'a hedged question', given: questionOf('Maybe it might be unsafe to go on?'), between: [0.7, 0.8] },
    {
      name: 'a stated one',
      given: questionOf('May it be stopped?', { backup: true, organ: 'mint' }),
      between: [0, 0.3],
    },
  ],
};

export default uncertainty;
