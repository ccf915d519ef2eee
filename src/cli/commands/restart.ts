import { actCommand } from '../act.ts';

export const command = actCommand('restart', 'Stop organs and start them again, and wait until they are ready.', [
  { line: 'azora restart mint', what: 'restart mint, and what declares that it restarts with it' },
]);
