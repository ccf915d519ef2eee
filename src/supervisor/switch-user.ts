import { readFileSync } from 'node:fs';
import type { SpawnRequest } from '../keeper/protocol.ts';

/**
 * Running an organ as another user. Only root may switch; on Linux by setpriv(1) of util-linux, which sets the user, its groups and
 * nothing else and then becomes the program (the same pid); elsewhere by sudo, which asks nothing of root.
 */

export interface Switched {
  /** What stands in front of the organ's own command. */
  readonly prefix: readonly string[];
  /** Whose home and name it is; what the file says of these variables counts more. */
  readonly env: Readonly<Record<string, string>>;
}

/** How to run as `user`; a text says why it cannot be. */
export function switchUser(user: string, uid: number | undefined = process.getuid?.()): Switched | string {
  const account = readAccount(user);
  if (!account) return `there is no user ${user} on this machine`;
  const env = { USER: account.name, LOGNAME: account.name, HOME: account.home };
  if (uid === account.uid) return { prefix: [], env };
  if (uid !== 0) return `cannot run as ${user}: azora runs as uid ${uid}, and only root may switch`;
  if (process.platform !== 'linux') return { prefix: ['sudo', '-n', '-E', '-u', account.name, '--'], env };
  return { prefix: ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--init-groups', '--'], env };
}

/** A spawn request as another user's. */
export function asUser(request: SpawnRequest, switched: Switched | null): SpawnRequest {
  if (!switched) return request;
  const [first, ...rest] = [...switched.prefix, ...request.argv];
  return { ...request, argv: [first!, ...rest], env: { ...switched.env, ...request.env } };
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** From /etc/passwd, by name or number: users of a directory service have to be named by number there. */
function readAccount(user: string): Account | null {
  const fields = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name, , uid]) => name === user || uid === user);
  if (!fields) return null;
  const [name = user, , uid, gid, , home = '/'] = fields;
  return { name, uid: Number(uid), gid: Number(gid), home };
}
