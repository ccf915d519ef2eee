import type { Contestant } from '../contestant.ts';
import { Dinit } from './dinit.ts';
import { Concurrently, Foreman } from './one-terminal.ts';
import { Pm2 } from './pm2.ts';
import { Runit, S6 } from './service-folders.ts';
import { Supervisord } from './supervisord.ts';

/** Who is measured beside azora where it is installed. */
export const peers = (): Contestant[] => [
  new Dinit(),
  new Foreman(),
  new Concurrently(),
  new S6(),
  new Runit(),
  new Supervisord(),
  new Pm2(),
];
