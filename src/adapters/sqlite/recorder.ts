import { statSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { monotonic } from '../clock.ts';
import { dropBallast, isDiskFull, layBallast } from './ballast.ts';
import { examineTable, type Opened, openDatabase, setAside } from './open.ts';
import { Pending } from './pending.ts';
import { deleteSomeHistory, type Retention, retain } from './retention.ts';
import { describe, troubleOf } from './trouble.ts';
import type { Writer } from './writer.ts';

export interface RecorderOptions {
  /** Of this azora; kept in the database, so that an older one can say whose it is. */
  readonly version: string;
  /** Called once when the database can no longer be written, and when it had to be begun anew, with a sentence for the user. */
  readonly onTrouble?: (message: string) => void;
  /** Called once when everything that waited has been written. */
  readonly onRecovered?: (message: string) => void;
  /** Called before anything is written: whoever records differences adds what has changed up to now. */
  readonly gather?: () => void;
}

/** How long writes are gathered into one transaction. */
const FLUSH_MS = 50;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;
/** Another process's lock is not worth a word before this. */
const PATIENCE_MS = 1000;
/** How often to look whether the file is still the one that was opened. */
const IDENTITY_CHECK_MS = 2000;

/**
 * Brings what is pending to disk, again and again until the disk takes it: gathers, retries with backoff, makes room, replaces
 * a database that turns out to be damaged or gone. Nothing that the disk does is thrown.
 */
export class Recorder {
  readonly pending = new Pending();

  readonly #path: string;
  readonly #ballast: string;
  readonly #options: RecorderOptions;
  /** Puts all that memory knows into `pending`, for a database that may lack it. */
  readonly #fillIn: (opened: Opened) => void;

  #db: Database.Database | null = null;
  #writer: Writer | null = null;
  #unexamined: string[] = [];
  #inode = 0;
  #identityCheckedAt = 0;
  #restsUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #failingSince: number | null = null;
  #troubleSaid = false;
  #closed = false;

  constructor(path: string, options: RecorderOptions, fillIn: (opened: Opened) => void) {
    this.#path = path;
    this.#ballast = `${path}.ballast`;
    this.#options = options;
    this.#fillIn = fillIn;
  }

  /** Called once, before all else. Trouble is told in the notes only; recovery from it by `onRecovered`. */
  open(): Opened {
    const opened = openDatabase(this.#path, { version: this.#options.version });
    this.#use(opened);
    if (opened.db) this.#unexamined = [...opened.unexamined];
    if (!this.#db) {
      this.#failingSince = monotonic();
      this.#troubleSaid = true;
      this.#tryLater();
    }
    return opened;
  }

  /** Whether the last attempt to write succeeded. */
  get isWritable(): boolean {
    return this.#db !== null && this.#failingSince === null;
  }

  /** Something is pending: have it written within 50 ms, or when the present rest is over. */
  soon(): void {
    if (!this.#timer && !this.#closed) this.#flushIn(Math.max(FLUSH_MS, this.#restsUntil - monotonic()));
  }

  /** For so long nothing is written by itself: there is more urgent work. What `flush` is asked for is. */
  rest(ms: number): void {
    this.#restsUntil = monotonic() + ms;
    if (this.#timer && !this.#closed) this.#flushIn(ms);
  }

  /** Writes what is pending, now. False: it could not, and will be tried again by itself. */
  flush({ durable = false } = {}): boolean {
    if (!this.#closed) this.#options.gather?.();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#closed) return false;
    this.#checkIdentity();
    if (!this.#db && !this.#reopen()) return this.#tryLater();
    if (this.pending.isEmpty) return this.#onWritten([]);
    try {
      return this.#onWritten(this.#write(durable));
    } catch (error) {
      return this.#onFailure(error);
    }
  }

  /** Asks the database; `otherwise` is the answer when it cannot be read. */
  read<Answer>(question: (db: Database.Database) => Answer, otherwise: Answer): Answer {
    if (!this.#db) return otherwise;
    try {
      return question(this.#db);
    } catch (error) {
      if (troubleOf(error) === 'bug') throw error;
      this.#onFailure(error);
      return otherwise;
    }
  }

  /** See `Store.examine`. */
  examine(): boolean {
    const table = this.#unexamined.shift();
    if (table !== undefined) this.read((db) => examineTable(db, table), undefined);
    return this.#unexamined.length > 0;
  }

  /** See `Store.retain`. */
  retain(limits: Retention): boolean {
    if (!this.flush()) return false;
    layBallast(this.#ballast);
    return this.read((db) => retain(db, limits, Date.now()), false);
  }

  /** Writes what is left, waiting up to a second for another's lock, and closes the file. False: something was lost. */
  close(): boolean {
    if (this.#closed) return true;
    this.#db?.pragma('busy_timeout = 1000');
    const written = this.flush();
    clearTimeout(this.#timer);
    this.#closed = true;
    this.#disconnect();
    return written;
  }

  #flushIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), ms);
    this.#timer.unref();
  }

  #tryLater(): false {
    if (!this.#closed) this.#flushIn(this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    return false;
  }

  #write(durable: boolean): readonly string[] {
    if (!this.#writer) throw new Error('the database is written while it is not open');
    return this.#writer.write(this.pending, durable);
  }

  #onWritten(refused: readonly string[]): true {
    const { dropped } = this.pending;
    const since = this.#failingSince;
    const said = this.#troubleSaid;
    this.pending.clear();
    this.#retryMs = FIRST_RETRY_MS;
    this.#failingSince = null;
    this.#troubleSaid = false;
    for (const sentence of refused) this.#options.onTrouble?.(sentence);
    if (since !== null && said) {
      const seconds = ((monotonic() - since) / 1000).toFixed(1);
      const lost =
        dropped > 0 ? `${dropped} rows of history could not wait and are lost` : 'nothing that waited is lost';
      this.#options.onRecovered?.(`${this.#path} is written again after ${seconds} s; ${lost}`);
    }
    return true;
  }

  /** True: mended, and everything pending is written. */
  #onFailure(error: unknown): boolean {
    this.#failingSince ??= monotonic();
    const told = troubleOf(error);
    const trouble = (told === 'io' || told === 'read-only') && isDiskFull(this.#path) ? 'full' : told;
    switch (trouble) {
      case 'locked':
        if (monotonic() - this.#failingSince >= PATIENCE_MS) this.#say('is locked by another process');
        return this.#tryLater();
      case 'damaged':
        return this.#rebuild(error);
      case 'full':
        return this.#makeRoom(error);
      case 'read-only':
      case 'io':
        this.#disconnect();
        this.#say(`cannot be written (${describe(error)})`);
        return this.#tryLater();
      case 'bug':
        throw error;
      default:
        return trouble satisfies never;
    }
  }

  #rebuild(error: unknown): boolean {
    this.#disconnect();
    const aside = setAside(this.#path, new Date());
    if (aside.kind === 'stuck') {
      this.#say(`is damaged (${describe(error)}) and cannot be moved (${aside.why})`);
      return this.#tryLater();
    }
    const what = `is damaged (${describe(error)}); it is kept as ${aside.path}, and a new one is begun with what memory knows`;
    const refused = this.#reopen() ? this.#writeAgain() : null;
    if (refused) return this.#mended(what, refused);
    this.#say(what);
    return this.#tryLater();
  }

  #makeRoom(error: unknown): boolean {
    const what = `has no space left on its disk (${describe(error)})`;
    if (this.#db && dropBallast(this.#ballast)) {
      try {
        deleteSomeHistory(this.#db);
      } catch {
        // Still no room; the write that follows tells.
      }
      const refused = this.#writeAgain();
      if (refused)
        return this.#mended(`${what}; a reserve and the oldest history made room for once. Free some space`, refused);
    }
    this.#say(what);
    return this.#tryLater();
  }

  /** After a repair; null when it did not help. */
  #writeAgain(): readonly string[] | null {
    try {
      return this.#write(false);
    } catch (error) {
      if (troubleOf(error) === 'bug') throw error;
      return null;
    }
  }

  /** One sentence, and no trouble left that would have to end. */
  #mended(what: string, refused: readonly string[]): true {
    const alreadySaid = this.#troubleSaid;
    this.#onWritten(refused);
    if (!alreadySaid) this.#options.onTrouble?.(`${this.#path} ${what}.`);
    return true;
  }

  #say(what: string): void {
    if (this.#troubleSaid) return;
    this.#troubleSaid = true;
    this.#options.onTrouble?.(
      `${this.#path} ${what}. Supervision goes on; what happens waits in memory until it can be written.`,
    );
  }

  /** A database whose file was removed or replaced takes writes without a word, into nothing. */
  #checkIdentity(): void {
    if (!this.#db || monotonic() - this.#identityCheckedAt < IDENTITY_CHECK_MS) return;
    this.#identityCheckedAt = monotonic();
    if (inodeOf(this.#path) === this.#inode) return;
    this.#disconnect();
    this.#failingSince = monotonic();
    this.#say('was removed or replaced while azora ran; a new one is begun with what memory knows');
  }

  #reopen(): boolean {
    const open = () => openDatabase(this.#path, { version: this.#options.version, salvage: false });
    let opened = open();
    if (!opened.db && isDiskFull(this.#path) && dropBallast(this.#ballast)) opened = open();
    this.#use(opened);
    if (!this.#db) return false;
    for (const note of opened.notes) this.#options.onTrouble?.(note);
    this.#fillIn(opened);
    return true;
  }

  #use(opened: Opened): void {
    this.#db = opened.db;
    this.#writer = opened.db && opened.writer;
    this.#inode = opened.db ? inodeOf(this.#path) : 0;
    this.#identityCheckedAt = monotonic();
  }

  #disconnect(): void {
    try {
      this.#db?.close();
    } catch {
      // Closing writes too, and the disk may refuse; the file is whole all the same.
    }
    this.#db = null;
    this.#writer = null;
  }
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
}
