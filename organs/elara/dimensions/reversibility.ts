import { questionOf, reportOf } from '../case.ts';
import type { Dimension } from '../dimension.ts';
import { found, stems } from '../words.ts';

const FINAL = stems(
  'delet',
  'eras',
  'wip(?:e|ing)',
  'destroy',
  'purg',
  'drop',
  'publish',
  'send',
  'sell',
  'burn',
  'kill',
);
const LOST = stems('delet', 'leak', 'expos', 'stol', 'steal', 'exfiltrat', 'corrupt', 'encrypt', 'destroy', 'tamper');

/** Whether what happens can be undone: in a question the measure itself, in a report the damage that is under way. */
const reversibility: Dimension = {
  name: 'reversibility',
  asks: 'Can it be undone?',
  scale: ['final', 'undone at no cost'],
  read: ({ kind, text, facts }) => {
    if (facts.reversible !== undefined) {
      return { value: facts.reversible ? 0.9 : 0.1, because: `stated to be ${facts.reversible ? '' : 'ir'}reversible` };
    }
    const words = found(text, kind === 'report' ? LOST : FINAL);
    if (words.length === 0) return { value: 0.9, because: 'nothing in it is final' };
    if (facts.backup) return { value: 0.6, because: `${words.join(', ')}, with a backup` };
    return { value: 0.15, because: `${words.join(', ')} cannot be taken back` };
  },
  trials: [
    { name: 'deleting', given: questionOf('May I delete the records?'), between: [0, 0.3] },
    { name: 'deleting with a backup', given: questionOf('May I delete them?', { backup: true }), between: [0.5, 0.7] },
    { name: 'stated reversible', given: questionOf('Delete it?', { reversible: true }), between: [0.8, 1] },
    { name: 'a leak', given: reportOf([{ severity: 'High', message: 'the key leaked' }]), between: [0, 0.3] },
    { name: 'a slow organ', given: reportOf([{ severity: 'Low', message: 'answers slowly' }]), between: [0.8, 1] },
  ],
};

export default reversibility;
