import type { Database } from './database.ts';
import { OrganError } from './errors.ts';

const TROUBLE = /^SQLITE_(FULL|IOERR|READONLY|CORRUPT|CANTOPEN|NOTADB)/;

/** The disk or the database's limit refused a write: 507, so that whoever asked knows that nothing was kept. */
export class InsufficientStorage extends OrganError {
  constructor(message: string, options?: ErrorOptions) {
    super(507, 'insufficient_storage', message, options);
  }
}

/** For `app.onError`: passes an error on, one of the disk as InsufficientStorage. */
export function rethrow(error: Error): never {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !TROUBLE.test(code)) throw error;
  throw new InsufficientStorage(`nothing was kept: ${error.message} (${code})`, { cause: error });
}

/** SQL that makes the table for `probeStorage`; one of the migrations of whoever probes. */
export const PROBE_TABLE = 'CREATE TABLE storage_probe (data BLOB) STRICT;';

/** Writes and removes 64 KiB, to see that the disk takes them; throws SQLite's error when not. Returns milliseconds. */
export function probeStorage(db: Database): number {
  const startedAt = performance.now();
  const probe = db.transaction(() => {
    db.prepare('INSERT INTO storage_probe VALUES (zeroblob(65536))').run();
    db.prepare('DELETE FROM storage_probe').run();
  });
  probe.immediate();
  return performance.now() - startedAt;
}

/** Lets the file grow to `maxBytes` and no further; beyond it writes fail with SQLITE_FULL. */
export function limitSize(db: Database, maxBytes: number): void {
  const pageSize = db.pragma('page_size', { simple: true }) as number;
  db.pragma(`max_page_count = ${Math.max(1, Math.floor(maxBytes / pageSize))}`);
}
