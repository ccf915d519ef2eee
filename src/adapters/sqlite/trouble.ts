import Database from 'better-sqlite3';

/**
 * What stands between the store and its file: `locked` by another process, `damaged`, `read-only`, no space (`full`), another
 * input or output error (`io`); `bug` is a statement or value that SQLite would never take.
 */
export type Trouble = 'locked' | 'damaged' | 'read-only' | 'full' | 'io' | 'bug';

const BY_CODE: readonly (readonly [prefix: string, trouble: Trouble])[] = [
  ['SQLITE_BUSY', 'locked'],
  ['SQLITE_LOCKED', 'locked'],
  ['SQLITE_CORRUPT', 'damaged'],
  ['SQLITE_NOTADB', 'damaged'],
  ['SQLITE_READONLY_DBMOVED', 'io'],
  ['SQLITE_READONLY', 'read-only'],
  ['SQLITE_PERM', 'read-only'],
  ['SQLITE_CANTOPEN', 'read-only'],
  ['SQLITE_FULL', 'full'],
  ['SQLITE_IOERR', 'io'],
  ['SQLITE_PROTOCOL', 'locked'],
  ['SQLITE_NOMEM', 'io'],
  ['EACCES', 'read-only'],
  ['EPERM', 'read-only'],
  ['EROFS', 'read-only'],
  ['ENOSPC', 'full'],
  ['EDQUOT', 'full'],
];

/** What SQLite itself would not mind. */
export class DamagedError extends Error {}

/** Which trouble an error of SQLite or of the file system tells of. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof DamagedError) return 'damaged';
  const code = codeOf(error);
  const known = BY_CODE.find(([prefix]) => code.startsWith(prefix));
  if (known) return known[1];
  return error instanceof Database.SqliteError || error instanceof TypeError || error instanceof RangeError
    ? 'bug'
    : 'io';
}

/** `database disk image is malformed (SQLITE_CORRUPT)` */
export function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  return code && !message.includes(code) ? `${message} (${code})` : message;
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '');
}
