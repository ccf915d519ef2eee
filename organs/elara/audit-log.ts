import type { Database } from '../kit/index.ts';
import type { Case, Precedent } from './case.ts';
import type { Judgement } from './judgement.ts';
import { likeness } from './words.ts';

/** A judgement as it was kept, with the case it answered. */
export interface Entry {
  readonly id: number;
  readonly at: string;
  readonly kind: Case['kind'];
  readonly question: string | null;
  readonly threatLevel: string;
  readonly findings: Case['findings'];
  readonly judgement: Judgement;
}

interface Row {
  id: number;
  at: number;
  kind: Case['kind'];
  question: string | null;
  threat_level: string;
  findings: string;
  judgement: string;
}

/** Entries can only be added: the database itself refuses to change or delete one. */
export const migrations: readonly string[] = [
  `CREATE TABLE audit (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     at INTEGER NOT NULL,
     kind TEXT NOT NULL CHECK (kind IN ('question', 'report')),
     question TEXT,
     threat_level TEXT NOT NULL,
     findings TEXT NOT NULL,
     action TEXT NOT NULL,
     organ TEXT,
     judgement TEXT NOT NULL
   );
   CREATE INDEX audit_by_kind ON audit (kind, id);
   CREATE TRIGGER audit_keeps_entries BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
   CREATE TRIGGER audit_loses_nothing BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;`,
];

/** Precedents are looked for this far back, and among at most this many entries. */
const PRECEDENT_WINDOW_MS = 24 * 3_600_000;
const PRECEDENT_ENTRIES = 500;
/** Questions that share this much of their words count as the same question. */
const ALIKE = 0.6;

/** The append-only record of every judgement, and so the source of precedents. */
export class AuditLog {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Keeps a judgement at `at` (epoch ms) and returns its id. */
  record(about: Case, judgement: Judgement, at: number): number {
    const { lastInsertRowid } = this.#db
      .prepare(
        `INSERT INTO audit (at, kind, question, threat_level, findings, action, organ, judgement)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        at,
        about.kind,
        about.kind === 'question' ? about.text : null,
        about.threatLevel,
        JSON.stringify(about.findings),
        judgement.action,
        judgement.organ,
        JSON.stringify(judgement),
      );
    return Number(lastInsertRowid);
  }

  /** Newest first; `before` is an id to page on from. */
  list(kind: Case['kind'] | undefined, limit: number, before = Number.MAX_SAFE_INTEGER): Entry[] {
    const rows = this.#db
      .prepare(`SELECT * FROM audit WHERE id < ? AND (? IS NULL OR kind = ?) ORDER BY id DESC LIMIT ?`)
      .all(before, kind ?? null, kind ?? null, limit) as Row[];
    return rows.map(entryOf);
  }

  find(id: number): Entry | null {
    const row = this.#db.prepare('SELECT * FROM audit WHERE id = ?').get(id) as Row | undefined;
    return row ? entryOf(row) : null;
  }

  /** How many judgements were ever made. */
  count(): number {
    return (this.#db.prepare('SELECT count(*) AS n FROM audit').get() as { n: number }).n;
  }

  /** Earlier judgements within a day on any of these findings, or on a question much like this one; newest first. */
  precedents(about: Case, now: number): Precedent[] {
    const ids = new Set(about.findings.map((finding) => finding.id));
    const rows = this.#db
      .prepare('SELECT * FROM audit WHERE kind = ? AND at > ? ORDER BY id DESC LIMIT ?')
      .all(about.kind, now - PRECEDENT_WINDOW_MS, PRECEDENT_ENTRIES) as Row[];
    return rows
      .map(entryOf)
      .filter((entry) =>
        entry.kind === 'question'
          ? likeness(entry.question ?? '', about.text) >= ALIKE
          : entry.findings.some((finding) => ids.has(finding.id)),
      )
      .map(({ at, judgement: { action, organ } }) => ({ action, organ, at: Date.parse(at) }));
  }
}

function entryOf(row: Row): Entry {
  return {
    id: row.id,
    at: new Date(row.at).toISOString(),
    kind: row.kind,
    question: row.question,
    threatLevel: row.threat_level,
    findings: JSON.parse(row.findings),
    judgement: JSON.parse(row.judgement),
  };
}
