import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readLatch } from '../../adapters/latch.ts';
import { isClosed, type StateFolder } from '../../adapters/state-folder.ts';
import { openSocket } from '../connect.ts';
import { age, bytes } from '../render/text.ts';
import type { Finding, Looked } from './finding.ts';

/** A clock that is behind what it wrote itself was set back. */
const CLOCK_SLACK_MS = 5 * 60_000;

/** The state folder: whose it is, who may look into it, and what a life that ended without order has left in it. */
export async function lookAtState(folder: StateFolder): Promise<Looked> {
  const stat = lstatSync(folder.root, { throwIfNoEntry: false });
  if (!stat) return { findings: [], fine: ['no state folder yet'] };
  const isOurs = !isClosed(folder);
  const findings: Finding[] = [...privacy(folder, isOurs)];
  if (stat.isDirectory() && isOurs) {
    findings.push(...(await sockets(folder)), ...setAside(folder), ...clock(folder), ...latched(folder));
  }
  return { findings, fine: findings.length === 0 ? [`state in ${folder.root}`] : [] };
}

function privacy(folder: StateFolder, isOurs: boolean): Finding[] {
  const uid = process.getuid?.();
  const inside = [folder.run, folder.logs, folder.database, folder.supervisorSocket, folder.keeperSocket];
  const paths = [folder.root, ...(isOurs ? inside : [])];
  return [...new Set(paths)].flatMap((path): Finding[] => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat) return [];
    const base = { id: `state:${basename(path)}`, level: 'problem' as const };
    if (stat.isSymbolicLink()) {
      return [
        {
          ...base,
          what: `${path} is a link, to ${readlinkSync(path)}`,
          why: 'azora refuses it: whoever may change the link could read secrets or control the system',
          fix: 'Remove the link, or name the folder itself with --state-dir.',
          repair: null,
        },
      ];
    }
    if (uid !== undefined && stat.uid !== uid) {
      return [
        {
          ...base,
          what: `${path} belongs to uid ${stat.uid}, and you are uid ${uid}`,
          why: 'azora refuses a state folder of somebody else; a run with sudo leaves one behind',
          fix: `sudo chown -R ${uid} ${path}`,
          repair: null,
        },
      ];
    }
    if ((stat.mode & 0o077) === 0) return [];
    return [
      {
        ...base,
        what: `${path} is open to other users (mode ${(stat.mode & 0o777).toString(8)})`,
        why: 'others could read logs and secrets, or control the system; azora refuses such a folder',
        fix: `chmod go-rwx ${path}`,
        repair: () => chmodSync(path, stat.mode & 0o700),
      },
    ];
  });
}

/** A socket on which nobody listens, a lock whose holder does not answer. */
async function sockets(folder: StateFolder): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, socket, lock] of [
    ['keeper', folder.keeperSocket, folder.keeperLock],
    ['supervisor', folder.supervisorSocket, folder.supervisorLock],
  ] as const) {
    const holder = lockHeldBy(lock);
    const answers = await listens(socket);
    if (answers) continue;
    if (holder !== null) {
      findings.push({
        id: `silent:${name}`,
        level: 'problem',
        what: `the ${name} (pid ${holder}) holds its lock and takes no connection`,
        why: 'commands cannot reach the system; organs run on',
        fix: `If it is stopped: kill -CONT ${holder}. Ending it is safe, another takes over: kill -9 ${holder}`,
        repair: null,
      });
    } else if (existsSync(socket)) {
      findings.push({
        id: `stale-socket:${basename(socket)}`,
        level: 'problem',
        what: `${socket} is there, and nobody listens on it`,
        why: 'its process was killed; azora replaces it by itself, other tools may wait for an answer',
        fix: 'remove it',
        repair: () => {
          // One may have been started meanwhile: then it is its own.
          if (lockHeldBy(lock) === null) rmSync(socket, { force: true });
        },
      });
    }
  }
  return findings;
}

async function listens(socket: string): Promise<boolean> {
  try {
    const connection = await openSocket(socket);
    connection?.destroy();
    return connection !== null;
  } catch {
    return false; // It took no connection: whoever holds the lock is named.
  }
}

/** Asked of the kernel, since taking the lock to see whether it is free would be in somebody's way. */
export function lockHeldBy(path: string): number | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return null;
  let table: string;
  try {
    table = readFileSync('/proc/locks', 'utf8');
  } catch {
    return null; // No /proc: what the socket says has to do.
  }
  for (const line of table.split('\n')) {
    const [, pid, inode] = /FLOCK\s+\S+\s+\S+\s+(\d+)\s+[\da-f]+:[\da-f]+:(\d+)/.exec(line) ?? [];
    if (pid !== undefined && Number(inode) === stat.ino) return Number(pid);
  }
  return null;
}

function setAside({ root, database }: StateFolder): Finding[] {
  const name = basename(database);
  const files = readdirSync(root).filter((file) => new RegExp(`^${name.replace('.', '\\.')}\\.damaged`).test(file));
  if (files.length === 0) return [];
  const paths = files.map((file) => join(root, file));
  const size = paths.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
  return [
    {
      id: 'database-set-aside',
      level: 'problem',
      what: `the database was damaged, and what it was is kept: ${files.join(', ')} (${bytes(size)})`,
      why: 'the history before that is in there, as far as it can be read; a disk that damages files will do so again',
      fix: 'remove what was set aside',
      repair: () => {
        for (const path of paths) rmSync(path, { force: true });
      },
    },
  ];
}

function clock(folder: StateFolder): Finding[] {
  const newest = Math.max(
    ...[folder.database, folder.journal, folder.bootDocument].map(
      (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
    ),
  );
  const ahead = newest - Date.now();
  if (ahead < CLOCK_SLACK_MS) return [];
  return [
    {
      id: 'clock-behind',
      level: 'problem',
      what: `the clock is ${age(ahead)} behind what azora wrote last`,
      why: 'times in logs and history overlap; health and restarts do not depend on it',
      fix: 'Set the clock, or let the machine do so (timedatectl set-ntp true).',
      repair: null,
    },
  ];
}

function latched(folder: StateFolder): Finding[] {
  const latch = readLatch(folder);
  if (!latch) return [];
  return [
    {
      id: 'emergency',
      level: 'problem',
      what: `there was an emergency shutdown at ${latch.at}: ${latch.reason}`,
      why: 'nothing starts until somebody has looked at it',
      fix: 'azora emergency --clear',
      repair: null,
    },
  ];
}
