import { actCommand } from '../act.ts';

export const command = actCommand('start', 'Start organs and what they need, and wait until they are ready.', [
  { line: 'azora start mint', what: 'start mint; one that was stopped by hand is up again from now on' },
  { line: 'azora start mint sapiens', what: 'start two' },
]);
