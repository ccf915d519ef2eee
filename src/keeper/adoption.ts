import { closeSync } from 'node:fs';
import type { Libc } from '../adapters/libc.ts';
import { markFor, select } from './family.ts';
import { lifeOf } from './identity.ts';
import type { RememberedLife } from './journal.ts';
import { readProcessTable } from './process-table.ts';
import type { Identity } from './protocol.ts';

/** What a new keeper makes of the lives that one before it left. They are not its children: it can only look at them. */

/** What is known of a remembered life that had no exit. */
export type Fate =
  | { readonly kind: 'alive'; readonly identity: Identity }
  /** It ended, and nobody saw how. */
  | { readonly kind: 'gone'; readonly identity: Identity }
  /** Its spawn was begun and never came to be. */
  | { readonly kind: 'unborn' };

/**
 * Adopted only on verified identity: same boot of the machine, same pid, same start time. What cannot be verified just now counts
 * as alive, so that it is not started a second time beside itself; it is never signalled before it is verified.
 */
export async function fateOf(life: RememberedLife, sameBoot: boolean): Promise<Fate> {
  if (life.identity === null) {
    const identity = sameBoot ? await findByCookie(life.cookie) : null;
    return identity ? { kind: 'alive', identity } : { kind: 'unborn' };
  }
  const { identity } = life;
  return { kind: sameBoot && lifeOf(identity) !== 'gone' ? 'alive' : 'gone', identity };
}

/** The keeper died between a spawn and its journal: the leader is the one who leads a session and carries the cookie. */
async function findByCookie(cookie: string): Promise<Identity | null> {
  const nobody = {
    pid: -1,
    startTime: '0',
    cookie,
    mark: markFor(cookie),
    ownChild: false,
    ended: false,
    known: new Map(),
  };
  const members = select(nobody, await readProcessTable(), null);
  const leader = members.find(({ pid, session }) => pid === session) ?? members[0];
  return leader ? { pid: leader.pid, startTime: leader.startTime } : null;
}

const POLL_MS = 100;

/** Calls back once, when that very process has ended. Returns what stops watching. */
export function watchEnd(identity: Identity, libc: Libc | null, onEnd: () => void): () => void {
  const pidfd = libc ? libc.pidfdOpen(identity.pid) : -1;
  if (libc && pidfd >= 0) {
    // The pidfd may be that of a later process of the same number: verified after opening, it cannot be any more.
    if (lifeOf(identity) === 'alive') {
      const stop = libc.whenReadable(pidfd, () => {
        closeSync(pidfd);
        onEnd();
      });
      return () => {
        stop();
        closeSync(pidfd);
      };
    }
    closeSync(pidfd);
  }
  const timer = setInterval(() => {
    if (lifeOf(identity) !== 'gone') return;
    clearInterval(timer);
    onEnd();
  }, POLL_MS);
  return () => clearInterval(timer);
}
