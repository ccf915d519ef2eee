import { questionOf, reportOf, weightOf } from '../case.ts';
import { type Dimension, round } from '../dimension.ts';

/** How well the claims are supported: the share of the findings' weight that carries evidence. */
const evidence: Dimension = {
  name: 'evidence',
  asks: 'How well is what is claimed supported?',
  scale: ['bare claims', 'all of it supported'],
  read: ({ kind, findings, facts }) => {
    if (kind === 'question') {
      const pieces = facts.evidence?.length ?? 0;
      return { value: Math.min(0.9, 0.3 + 0.3 * pieces), because: `${pieces} piece(s) of evidence stated` };
    }
    const total = findings.reduce((sum, finding) => sum + weightOf(finding.severity), 0);
    const supported = findings.filter((finding) => finding.evidence.trim() !== '');
    const weight = supported.reduce((sum, finding) => sum + weightOf(finding.severity), 0);
    const because = `${supported.length} of ${findings.length} finding(s) carry evidence`;
    return { value: total === 0 ? 0 : round(weight / total), because };
  },
  trials: [
    { name: 'a bare claim', given: reportOf([{ severity: 'High' }]), between: [0, 0] },
    { name: 'a supported claim', given: reportOf([{ severity: 'High', evidence: 'log line 7' }]), between: [1, 1] },
    {
      name: 'the graver claim is bare',
      given: reportOf([{ severity: 'Critical' }, { severity: 'Low', evidence: 'log line 7' }]),
      between: [0.1, 0.3],
    },
    { name: 'a question with two', given: questionOf('?', { evidence: ['a', 'b'] }), between: [0.85, 0.95] },
  ],
};

export default evidence;
