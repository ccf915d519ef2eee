import { questionOf, reportOf } from '../case.ts';
import type { Dimension } from '../dimension.ts';
import { found, mentions, stems } from '../words.ts';

const CONFIDENTIAL = stems(
  'password',
  'secret',
  'private key',
  'credential',
  'personal',
  'medical',
  'health record',
  'id number',
  'home address',
  'biometric',
  'marks of',
  'token',
);
const DISCLOSED = stems(
  'leak',
  'expos',
  'shar(?:e|ing)',
  'publish',
  'sell',
  'post(?:ed|ing)?\\b',
  'reveal',
  'world-readable',
  'readable by',
  'stol',
  'exfiltrat',
  'in plain',
);

/** Whether something confidential comes out. Stated consent halves it: what is one's own may be shared. */
const privacy: Dimension = {
  name: 'privacy',
  asks: 'Does something confidential come out?',
  scale: ['nothing', 'it is disclosed'],
  read: ({ text, facts }) => {
    const kept = found(text, CONFIDENTIAL);
    if (kept.length === 0) return { value: 0, because: 'nothing confidential is named' };
    const disclosed = mentions(text, DISCLOSED);
    const value = (disclosed ? 1 : 0.4) * (facts.consent ? 0.5 : 1);
    return {
      value,
      because: `${kept.join(', ')}${disclosed ? ' disclosed' : ''}${facts.consent ? ', with consent' : ''}`,
    };
  },
  trials: [
    { name: 'nothing confidential', given: questionOf('May the course begin?'), between: [0, 0] },
    { name: 'named only', given: questionOf('How long must a password be?'), between: [0.3, 0.5] },
    { name: 'sold', given: questionOf('May we sell personal data?'), between: [1, 1] },
    {
      name: 'shared with consent',
      given: questionOf('Share my personal data?', { consent: true }),
      between: [0.5, 0.5],
    },
    { name: 'a leak', given: reportOf([{ severity: 'High', message: 'private key leaked' }]), between: [1, 1] },
  ],
};

export default privacy;
