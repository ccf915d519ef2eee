import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import Database from 'better-sqlite3';
import { APPLICATION_ID, migrate, SCHEMA_VERSION } from './migrations.ts';
import { type Durable, NOTHING_DURABLE } from './rows.ts';
import { readDurable, type Salvaged, salvage } from './salvage.ts';
import { DamagedError, describe, type Trouble, troubleOf } from './trouble.ts';
import { Writer } from './writer.ts';

export interface OpenOptions {
  /** Of this azora; kept in the database, so that an older one can say whose it is. */
  readonly version: string;
  /** Look for what is durable in a database that cannot be opened too, which means to read all of it. Default true. */
  readonly salvage?: boolean;
}

/** How long a statement waits for another process's lock. Short: the supervisor's loop waits with it; the store tries again. */
const BUSY_MS = 20;
/** To check a table reads it at up to 7 ms per MB, and the supervisor's loop waits with it: beyond this a damaged history is found out when it is read. */
const FULL_CHECK_BYTES = 8 * 1024 * 1024;
/** What must be right at once. They are small. */
const VITAL_TABLES = ['meta', 'fact', 'desired_state', 'boot', 'organ', 'instance', 'health_latest'];

export type Opened =
  | {
      readonly db: Database.Database;
      readonly writer: Writer;
      /** Tables that have not been examined, since they are long and nobody waits for them; none of a large database. */
      readonly unexamined: readonly string[];
      readonly notes: readonly string[];
      readonly durable: Durable;
    }
  | {
      readonly db: null;
      readonly why: Trouble | 'newer';
      readonly notes: readonly string[];
      /** What could be read all the same. */
      readonly durable: Durable;
    };

/**
 * Opens the database, whatever state it is in. A damaged one is set aside under another name and rebuilt; one that is locked,
 * read-only or of a newer azora is left alone, and the caller works from memory. Never throws for the state of the disk;
 * `notes` are sentences for the user.
 */
export function openDatabase(path: string, { version, salvage: search = true }: OpenOptions): Opened {
  const save = (from: string) => (search ? salvage(from) : { ...NOTHING_DURABLE, writtenBy: null });
  const notes: string[] = [];
  let durable: Durable = NOTHING_DURABLE;
  // The second round opens what has been rebuilt.
  for (let round = 0; ; round++) {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const header = inspect(path);
      if (header.kind === 'newer') return { db: null, why: 'newer', ...refuseNewer(path, save(path), notes) };
      if (header.kind === 'damaged') throw new DamagedError(header.why);
      const { db, ...rest } = connect(path, version);
      return { db, ...rest, notes, durable: merge(durable, readDurable(db)) };
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble === 'bug') throw error;
      if (trouble !== 'damaged' || round > 0) {
        notes.push(unusable(path, trouble, error));
        return { db: null, why: trouble, notes, durable: merge(durable, save(path)) };
      }
      const aside = setAside(path, new Date());
      if (aside.kind === 'stuck') {
        notes.push(
          `${path} is damaged (${describe(error)}) and cannot be moved: ${aside.why}. azora works from memory.`,
        );
        return { db: null, why: 'damaged', notes, durable: save(path) };
      }
      durable = save(aside.path);
      notes.push(
        `${path} is damaged (${describe(error)}); it is kept as ${basename(aside.path)} and a new one is begun. ` +
          `Its history stays in that file${durable.desired.size + durable.facts.size ? '; what azora must remember was saved from it' : ''}.`,
      );
    }
  }
}

type Header = { readonly kind: 'missing' | 'fine' | 'newer' } | { readonly kind: 'damaged'; readonly why: string };

/** Reads the first bytes without SQLite, which would create files beside the database and roll its log forward. */
function inspect(path: string): Header {
  const stat = statSync(path, { throwIfNoEntry: false });
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  if (!stat) return log?.size ? { kind: 'damaged', why: 'only its write-ahead log is left' } : { kind: 'missing' };
  if (!stat.isFile()) return { kind: 'damaged', why: 'it is not a file' };
  if (stat.size === 0) return { kind: 'damaged', why: 'it is empty' };
  const bytes = Buffer.alloc(100);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, bytes, 0, 100, 0);
  } finally {
    closeSync(fd);
  }
  if (bytes.toString('latin1', 0, 16) !== 'SQLite format 3\0') return { kind: 'damaged', why: 'it is not a database' };
  if (bytes.readUInt32BE(60) > SCHEMA_VERSION) return { kind: 'newer' };
  // A migration may still be in the log alone.
  return log?.size && schemaWithLog(path) > SCHEMA_VERSION ? { kind: 'newer' } : { kind: 'fine' };
}

/** A connection that only reads does not fold the log into the file when it closes. */
function schemaWithLog(path: string): number {
  const db = new Database(path, { readonly: true, timeout: BUSY_MS });
  try {
    return db.pragma('user_version', { simple: true }) as number;
  } finally {
    db.close();
  }
}

function connect(path: string, version: string): { db: Database.Database; writer: Writer; unexamined: string[] } {
  if (!existsSync(path)) create(path, version);
  else if (statSync(path).mode & 0o077) chmodSync(path, 0o600);
  const db = new Database(path, { timeout: BUSY_MS });
  try {
    db.pragma('journal_mode = wal');
    db.pragma('synchronous = normal');
    db.pragma('journal_size_limit = 16777216');
    if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID)
      throw new DamagedError('it is not one of azora');
    for (const table of VITAL_TABLES) examineTable(db, table);
    db.prepare('select max(id) from event').get(); // the numbers go on from it
    complete(db, version);
    return { db, writer: new Writer(db), unexamined: unexaminedTables(db) };
  } catch (error) {
    db.close();
    // Its number says which tables are there, and they are not: somebody took them out or changed them.
    throw troubleOf(error) === 'bug' ? new DamagedError(describe(error), { cause: error }) : error;
  }
}

/** Under another name first: whoever is killed in between leaves no half-made database behind. */
function create(path: string, version: string): void {
  const unfinished = `${path}.new`;
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(unfinished + suffix, { force: true });
  // SQLite would create it readable for all; its -wal and -shm take the mode of the file.
  closeSync(openSync(unfinished, 'a', 0o600));
  const db = new Database(unfinished, { timeout: BUSY_MS });
  try {
    // Nothing in it is worth waiting for the disk: if the machine stops now, what is found damaged is begun anew.
    db.pragma('synchronous = off');
    db.pragma('journal_mode = memory');
    // Only possible before the first page: it lets retention give space back to the disk bit by bit.
    db.pragma('auto_vacuum = incremental');
    complete(db, version);
  } finally {
    db.close();
  }
  renameSync(unfinished, path);
}

function complete(db: Database.Database, version: string): void {
  migrate(db);
  // Written only when it changes, so that a full disk does not keep a good database from being opened.
  db.prepare(
    `insert into meta values ('written_by', ?)
     on conflict do update set value = excluded.value where value <> excluded.value`,
  ).run(version);
}

/** Fails if a table or one of its indices is damaged. */
export function examineTable(db: Database.Database, table: string): void {
  const finding = String(db.pragma(`quick_check('${table}')`, { simple: true }));
  if (finding !== 'ok') throw new DamagedError(finding.replace('*** in database main ***\n', ''));
}

function unexaminedTables(db: Database.Database): string[] {
  const size =
    (db.pragma('page_count', { simple: true }) as number) * (db.pragma('page_size', { simple: true }) as number);
  if (size > FULL_CHECK_BYTES) return [];
  const all = db.prepare<[], string>(
    `select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'`,
  );
  return all
    .pluck()
    .all()
    .filter((table) => !VITAL_TABLES.includes(table));
}

/** Moves the database and its companions to another name. */
export function setAside(
  path: string,
  now: Date,
): { readonly kind: 'moved'; readonly path: string } | { readonly kind: 'stuck'; readonly why: string } {
  const stamp = now.toISOString().replaceAll(':', '-');
  let aside = `${path}.damaged-${stamp}`;
  for (let n = 2; existsSync(aside); n++) aside = `${path}.damaged-${stamp}-${n}`;
  try {
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
    }
    return { kind: 'moved', path: aside };
  } catch (error) {
    return { kind: 'stuck', why: describe(error) };
  }
}

function refuseNewer(path: string, found: Salvaged, notes: readonly string[]) {
  const writer = found.writtenBy ? `azora ${found.writtenBy}` : 'a newer azora';
  const note =
    `${path} was written by ${writer} and this azora does not know its schema: it is left untouched, and this run keeps ` +
    `its history in memory only. Use ${writer}, or move the file away.`;
  return { notes: [...notes, note], durable: found };
}

function unusable(path: string, trouble: Trouble, error: unknown): string {
  const memory = 'azora works from memory and tries again.';
  switch (trouble) {
    case 'locked':
      return `${path} is locked by another process; ${memory}`;
    case 'read-only':
      return `${path} cannot be written (${describe(error)}); ${memory} Check the owner and the mode of ${dirname(path)}.`;
    case 'full':
      return `no space is left for ${path}; ${memory} Free some space on that disk.`;
    case 'damaged':
    case 'io':
    case 'bug':
      return `${path} cannot be used (${describe(error)}); ${memory}`;
    default:
      return trouble satisfies never;
  }
}

/** `over` wins where both know. */
function merge(under: Durable, over: Durable): Durable {
  return {
    desired: new Map([...under.desired, ...over.desired]),
    facts: new Map([...under.facts, ...over.facts]),
    lastEventId: Math.max(under.lastEventId, over.lastEventId),
  };
}
