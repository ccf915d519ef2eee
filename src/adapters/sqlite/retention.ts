import type { Database } from 'better-sqlite3';
import { monotonic } from '../clock.ts';

export interface Retention {
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}

/** Append-only tables and the column that says when. Their rowids grow with time, so the lowest are the oldest. */
const HISTORIES = [
  ['health_log', 'checked_at'],
  ['metric', 'at'],
  ['event', 'ts'],
  ['check_run', 'at'],
  ['exit', 'at'],
] as const;
const CHUNK_ROWS = 2000;
/** The supervisor's loop waits meanwhile; what is left over is done at the next call. */
const BUDGET_MS = 20;

/**
 * Deletes history older than `maxAgeMs` and, while the database is larger than `maxBytes`, the oldest of whatever there is
 * most of. The newest event always stays, as the numbers go on from it. Returns whether there is more to do.
 */
export function retain(db: Database, { maxAgeMs, maxBytes }: Retention, nowMs: number): boolean {
  const until = monotonic() + BUDGET_MS;
  const before = new Date(nowMs - maxAgeMs).toISOString();
  for (const [table, time] of HISTORIES) {
    while (deleteOldest(db, table, `${time} < ?`, [before]) === CHUNK_ROWS) if (monotonic() > until) return true;
  }
  while (usedBytes(db) > maxBytes) {
    if (deleteOldest(db, largest(db)) === 0) break;
    if (monotonic() > until) return true;
  }
  db.pragma('incremental_vacuum(512)');
  return false;
}

/** Makes room at once, whatever the limits are: for a disk that is full. */
export function deleteSomeHistory(db: Database): void {
  deleteOldest(db, largest(db));
}

function deleteOldest(db: Database, table: string, condition = 'true', values: readonly string[] = []): number {
  return db
    .prepare(
      `delete from ${table} where ${condition} and rowid in (
         select rowid from ${table} where rowid < (select max(rowid) from ${table}) order by rowid limit ${CHUNK_ROWS})`,
    )
    .run(...values).changes;
}

/** By the span of its rowids: approximate, but it reads two pages a table instead of all. */
function largest(db: Database): string {
  const rows = ([table]: readonly [string, string]) =>
    db
      .prepare<[], number>(`select (select max(rowid) from ${table}) - (select min(rowid) from ${table})`)
      .pluck()
      .get() ?? 0;
  return HISTORIES.reduce((most, next) => (rows(next) > rows(most) ? next : most))[0];
}

function usedBytes(db: Database): number {
  const number = (name: string) => db.pragma(name, { simple: true }) as number;
  return (number('page_count') - number('freelist_count')) * number('page_size');
}
