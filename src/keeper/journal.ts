import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import type { LogLimits } from '../core/config/model.ts';
import type { ExitRecord, Identity, LifeKey, ReadinessChannel } from './protocol.ts';

/**
 * What the keeper must know after its own death: `run/journal.ndjson`, one record a line, appended before the world hears of it,
 * rewritten at each start without what was forgotten. No fsync: it need not outlive the machine's boot, whose lives are dead.
 */

export type JournalRecord =
  | { readonly type: 'keeper'; readonly machineBootId: string; readonly seq: number }
  /** Written before the spawn: a keeper that dies in between leaves a process that its cookie gives away. */
  | ({ readonly type: 'spawning' } & LifeKey & Birth)
  | ({ readonly type: 'spawned' } & LifeKey & Identity & { readonly at: number; readonly adopted: boolean })
  | ({ readonly type: 'spawn-failed' } & LifeKey)
  | ({ readonly type: 'ready' } & LifeKey)
  | ({ readonly type: 'exited' } & ExitRecord)
  | { readonly type: 'forgotten'; readonly lives: readonly LifeKey[] };

export interface Birth {
  readonly organ: string;
  readonly cookie: string;
  readonly logs: LogLimits;
  readonly readiness: ReadinessChannel | null;
}

/** A life as the journal remembers it. `identity` null: its spawn was begun, and nothing is known of how it went. */
export interface RememberedLife extends LifeKey, Birth {
  readonly identity: Identity | null;
  readonly startedAt: number;
  readonly adopted: boolean;
  readonly signalledReady: boolean;
  readonly exit: ExitRecord | null;
}

export interface Memory {
  /** null: a new journal. */
  readonly machineBootId: string | null;
  readonly seq: number;
  readonly lives: readonly RememberedLife[];
}

export const lifeId = (key: LifeKey): string => `${key.instance}#${key.generation}`;

/** What a journal's text says. A torn last line (the keeper died in it) and anything unreadable is passed over. */
export function replay(text: string): Memory {
  let machineBootId: string | null = null;
  let seq = 0;
  const lives = new Map<string, RememberedLife>();
  const change = (key: LifeKey, fields: Partial<RememberedLife>) => {
    const life = lives.get(lifeId(key));
    if (life) lives.set(lifeId(key), { ...life, ...fields });
  };
  for (const line of text.split('\n')) {
    const record = parse(line);
    switch (record?.type) {
      case undefined:
        break;
      case 'keeper':
        machineBootId = record.machineBootId;
        seq = Math.max(seq, record.seq);
        break;
      case 'spawning': {
        const { type: _, ...birth } = record;
        const unknown = { identity: null, startedAt: 0, adopted: false, signalledReady: false, exit: null };
        lives.set(lifeId(record), { ...birth, ...unknown });
        break;
      }
      case 'spawned':
        change(record, {
          identity: { pid: record.pid, startTime: record.startTime },
          startedAt: record.at,
          adopted: record.adopted,
        });
        break;
      case 'spawn-failed':
        lives.delete(lifeId(record));
        break;
      case 'ready':
        change(record, { signalledReady: true });
        break;
      case 'exited': {
        const { type: _, ...exit } = record;
        seq = Math.max(seq, exit.seq);
        change(record, { exit });
        break;
      }
      case 'forgotten':
        for (const key of record.lives) lives.delete(lifeId(key));
        break;
      default:
        record satisfies never;
    }
  }
  return { machineBootId, seq, lives: [...lives.values()] };
}

function parse(line: string): JournalRecord | null {
  try {
    return line === '' ? null : (JSON.parse(line) as JournalRecord);
  } catch {
    return null; // torn
  }
}

/** The records that say what `memory` says. */
export function* condense(memory: Memory & { readonly machineBootId: string }): Generator<JournalRecord> {
  yield { type: 'keeper', machineBootId: memory.machineBootId, seq: memory.seq };
  for (const { identity, startedAt, adopted, signalledReady, exit, ...birth } of memory.lives) {
    const key = { instance: birth.instance, generation: birth.generation };
    yield { type: 'spawning', ...birth };
    if (identity) yield { type: 'spawned', ...key, ...identity, at: startedAt, adopted };
    if (signalledReady) yield { type: 'ready', ...key };
    if (exit) yield { type: 'exited', ...exit };
  }
}

const LONG_BYTES = 1024 * 1024;

export class Journal {
  readonly #path: string;
  /** Takes what the disk of the journal does not; null: there is no better place. */
  readonly #refuge: string | null;
  readonly #report: (message: string) => void;
  #fd = -1;
  #grown = 0;
  /** What the disk did not take yet. The journal is what the file says, and then this. */
  #unwritten = '';
  #inRefuge = false;

  /** @param refuge a file in memory: a full disk must not make a next keeper forget whom it has to care for */
  constructor(path: string, refuge: string | null, report: (message: string) => void) {
    this.#path = path;
    this.#refuge = refuge;
    this.#report = report;
  }

  read(): Memory {
    return replay(readOrEmpty(this.#path) + (this.#refuge === null ? '' : readOrEmpty(this.#refuge)));
  }

  /** Worth being rewritten: a crash loop of weeks must fill neither the disk nor memory. */
  get isLong(): boolean {
    return this.#grown > LONG_BYTES || this.#unwritten.length > LONG_BYTES;
  }

  /** Replaces the file by what `memory` says and goes on appending to it. */
  begin(memory: Memory & { readonly machineBootId: string }): void {
    this.close(false);
    const text = linesOf(condense(memory));
    const temporary = `${this.#path}.new`;
    try {
      writeFileSync(temporary, text, { mode: 0o600 });
      renameSync(temporary, this.#path);
      this.#unwritten = '';
      this.#inRefuge = true; // of an earlier keeper, perhaps
    } catch (error) {
      this.#report(`cannot rewrite ${this.#path}: ${String(error)}`);
      rmSync(temporary, { recursive: true, force: true });
      // It goes on from the old one, which remembers more than is to be remembered, and may end in the middle of a line.
      const lives = replay(readOrEmpty(this.#path)).lives.map(({ instance, generation }) => ({ instance, generation }));
      this.#unwritten = `\n${linesOf([{ type: 'forgotten', lives }])}${text}`;
    }
    this.#grown = 0;
    this.#takeRefuge(null);
  }

  /** Never throws: a disk that is full must not keep an organ from being started, stopped or reaped. */
  append(record: JournalRecord): void {
    const line = linesOf([record]);
    const text = `${this.#unwritten}${line}`;
    let written = 0;
    try {
      if (this.#fd === -1) this.#fd = openSync(this.#path, 'a', 0o600);
      written = writeSync(this.#fd, text);
      this.#grown += written;
      // A short write leaves a torn line; the rest, on the next success, completes it.
      this.#unwritten = written === Buffer.byteLength(text) ? '' : Buffer.from(text).subarray(written).toString();
    } catch (error) {
      if (this.#unwritten === '') this.#report(`cannot write ${this.#path}: ${String(error)}`);
      this.#unwritten = text;
    }
    this.#takeRefuge(written === 0 ? line : null);
  }

  /** Ends it; `remove`: the system is down, there is nothing to remember. */
  close(remove: boolean): void {
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
    if (!remove) return;
    rmSync(this.#path, { force: true });
    this.#unwritten = '';
    this.#takeRefuge(null);
  }

  /** @param added what has come to the unwritten since the last time, if that is all that has changed */
  #takeRefuge(added: string | null): void {
    if (this.#refuge === null || (this.#unwritten === '' && !this.#inRefuge)) return;
    try {
      if (this.#unwritten === '') {
        rmSync(this.#refuge, { force: true });
      } else if (added !== null && this.#inRefuge) {
        appendFileSync(this.#refuge, added);
      } else {
        writeFileSync(`${this.#refuge}.new`, this.#unwritten, { mode: 0o600 });
        renameSync(`${this.#refuge}.new`, this.#refuge);
      }
      this.#inRefuge = this.#unwritten !== '';
    } catch (error) {
      this.#report(`cannot write ${this.#refuge}: ${String(error)}`);
    }
  }
}

function linesOf(records: Iterable<JournalRecord>): string {
  return [...records].map((record) => `${JSON.stringify(record)}\n`).join('');
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}
