import { constants, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Desired } from '../../core/status.ts';
import { type Durable, NOTHING_DURABLE } from './rows.ts';

export interface Salvaged extends Durable {
  /** The azora that wrote the database last, as far as it can be read. */
  readonly writtenBy: string | null;
}

/** What is durable in an open database; each table on its own, because one of them may be damaged. */
export function readDurable(db: Database.Database): Salvaged {
  const rows = <Row>(sql: string): Row[] => {
    try {
      return db.prepare<[], Row>(sql).all();
    } catch {
      // Damaged, or a schema that has no such table: then there is nothing of it to keep.
      return [];
    }
  };
  const desired = rows<{ organ: string; desired: Desired }>('select organ, desired from desired_state');
  const facts = rows<{ key: string; value: string }>('select key, value from fact');
  const last = rows<{ id: number | null }>('select max(id) as id from event')[0]?.id ?? 0;
  const writer = rows<{ value: string }>(`select value from meta where key = 'written_by'`)[0]?.value ?? null;
  return {
    desired: new Map(desired.map((row) => [row.organ, row.desired])),
    facts: new Map(facts.map((row) => [row.key, row.value])),
    lastEventId: last,
    writtenBy: writer,
  };
}

/**
 * Reads what is durable out of a database that must not be touched, or cannot be: damaged, locked, newer, read-only. Works on
 * a private copy, since SQLite writes beside whatever it opens. What cannot be read is simply not there.
 */
export function salvage(path: string): Salvaged {
  let scratch: string | null = null;
  try {
    scratch = mkdtempSync(join(tmpdir(), 'azora-salvage-'));
    const copy = join(scratch, 'copy.db');
    copyFileSync(path, copy, constants.COPYFILE_FICLONE);
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`, constants.COPYFILE_FICLONE);
    const db = new Database(copy, { timeout: 0 });
    try {
      return readDurable(db);
    } finally {
      db.close();
    }
  } catch {
    // Nothing in it can be read any more; the caller has said so already, with the reason.
    return { ...NOTHING_DURABLE, writtenBy: null };
  } finally {
    if (scratch) rmSync(scratch, { recursive: true, force: true });
  }
}
