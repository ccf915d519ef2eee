import { questionOf, reportOf, weightOf, worst } from '../case.ts';
import type { Dimension } from '../dimension.ts';
import { mentions, stems } from '../words.ts';

const INTERVENE = stems('restart', 'stop', 'shut ?down', 'isolat', 'terminat', 'kill', 'take (?:it )?down');

/** Whether acting on an organ would cure it: what the remedies of the gravest findings call for. */
const efficacy: Dimension = {
  name: 'efficacy',
  asks: 'Would intervening cure it?',
  scale: ['another remedy is known', 'it is the known remedy'],
  read: ({ kind, findings }) => {
    if (kind === 'question') return { value: 0.5, because: 'a question carries no remedy' };
    const gravest = findings.filter((finding) => weightOf(finding.severity) === worst(findings));
    const remedies = gravest.map((finding) => finding.remedy.trim()).filter((remedy) => remedy !== '');
    if (remedies.length === 0) return { value: 0.5, because: 'no remedy is known' };
    const calling = remedies.filter((remedy) => mentions(remedy, INTERVENE));
    const because = `${calling.length} of ${remedies.length} remedies call for intervening`;
    return { value: 0.1 + (0.9 * calling.length) / remedies.length, because };
  },
  trials: [
    { name: 'restart is the remedy', given: reportOf([{ severity: 'High', remedy: 'restart mint' }]), between: [1, 1] },
    { name: 'another remedy', given: reportOf([{ severity: 'High', remedy: 'change it' }]), between: [0, 0.2] },
    { name: 'none known', given: reportOf([{ severity: 'High' }]), between: [0.5, 0.5] },
    { name: 'a question', given: questionOf('What now?'), between: [0.5, 0.5] },
  ],
};

export default efficacy;
