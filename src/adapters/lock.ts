import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { type Libc, loadLibc } from './libc.ts';

/**
 * A lock that the kernel holds for a process and lets go of when that process ends, however it ends. Nothing to clean up,
 * nothing to go stale.
 *
 * By flock where koffi loads. Elsewhere by a SQLite database in exclusive mode beside it (`<path>.db`, fcntl underneath).
 * The two do not see each other: one machine uses one of them, since koffi loads there or does not.
 */
export interface Lock {
  readonly path: string;
  release(): void;
}

/** A database handle that nobody refers to is collected, and its lock with it: what is held is held here. */
const held = new Set<object>();

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes the lock at `path`, or returns null when a living process holds it. The holder's pid stands in the file, for
 * messages only. Throws when the file cannot be opened.
 */
export function takeLock(path: string, libc: Libc | null = loadLibc()): Lock | null {
  return libc ? takeFlock(path, libc) : takeDatabaseLock(path);
}

/** Who holds (or last held) the lock at `path`; null when nobody ever did. */
export function lockHolder(path: string): number | null {
  try {
    return Number.parseInt(readFileSync(path, 'utf8'), 10) || null;
  } catch {
    return null; // never taken
  }
}

function takeFlock(path: string, libc: Libc): Lock | null {
  // Node opens close-on-exec: no child carries the lock on.
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  if (libc.flock(fd, LOCK_EX | LOCK_NB) !== 0) {
    const code = libc.lastError();
    closeSync(fd);
    if (code === 'EAGAIN' || code === 'EWOULDBLOCK') return null;
    throw new Error(`cannot lock ${path}: ${code}`);
  }
  writePid(fd);
  return { path, release: () => closeSync(fd) };
}

function takeDatabaseLock(path: string): Lock | null {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const database = new DatabaseSync(`${path}.db`);
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;');
  } catch (cause) {
    database.close();
    if (cause instanceof Error && /locked/.test(cause.message)) return null;
    throw new Error(`cannot lock ${path}.db`, { cause });
  }
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  writePid(fd);
  closeSync(fd);
  held.add(database);
  return {
    path,
    release: () => {
      held.delete(database);
      database.close();
    },
  };
}

/** On a full disk a file still takes what it has room for already: it is cut off only when the new number stands there. */
function writePid(fd: number): void {
  try {
    ftruncateSync(fd, writeSync(fd, `${process.pid}\n`, 0));
  } catch {
    ftruncateSync(fd, 0); // it is for messages only: none is better than another's
  }
}
