import type { Database } from '../kit/index.ts';
import { AGENTS, COURSES } from './catalogue/index.ts';

export const migrations: readonly string[] = [
  `CREATE TABLE courses (
     code TEXT PRIMARY KEY, title TEXT NOT NULL, subject TEXT NOT NULL, level TEXT NOT NULL, phase TEXT NOT NULL,
     credits INTEGER NOT NULL, pass_mark INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE prerequisites (
     course TEXT NOT NULL REFERENCES courses, requires TEXT NOT NULL REFERENCES courses, PRIMARY KEY (course, requires)
   ) STRICT;
   CREATE TABLE agents (
     id TEXT PRIMARY KEY, name TEXT NOT NULL, subject TEXT NOT NULL, phase TEXT NOT NULL, active INTEGER NOT NULL DEFAULT 1
   ) STRICT;
   CREATE INDEX agents_by_subject ON agents (subject, phase);
   CREATE TABLE learners (
     id TEXT PRIMARY KEY, name TEXT NOT NULL, level TEXT NOT NULL, registered_at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE enrolments (
     id TEXT PRIMARY KEY, learner TEXT NOT NULL REFERENCES learners, course TEXT NOT NULL REFERENCES courses,
     agent TEXT NOT NULL REFERENCES agents,
     state TEXT NOT NULL CHECK (state IN ('active', 'passed', 'failed', 'withdrawn')),
     mark REAL, enrolled_at TEXT NOT NULL, ended_at TEXT
   ) STRICT;
   CREATE UNIQUE INDEX enrolled_once ON enrolments (learner, course) WHERE state = 'active';
   CREATE INDEX enrolments_by_agent ON enrolments (agent, state);
   CREATE TABLE assessments (
     id INTEGER PRIMARY KEY, enrolment TEXT NOT NULL REFERENCES enrolments, name TEXT NOT NULL,
     mark REAL NOT NULL CHECK (mark BETWEEN 0 AND 100), weight REAL NOT NULL CHECK (weight > 0 AND weight <= 100),
     assessed_at TEXT NOT NULL, UNIQUE (enrolment, name)
   ) STRICT;
   CREATE TABLE recognitions (
     learner TEXT NOT NULL REFERENCES learners, course TEXT NOT NULL REFERENCES courses, evidence TEXT NOT NULL,
     recognised_at TEXT NOT NULL, PRIMARY KEY (learner, course)
   ) STRICT;`,
];

/** Brings the catalogue's courses and agents into the database. Agents keep whether they are active. */
export function seed(db: Database): void {
  const course = db.prepare(
    `INSERT INTO courses VALUES (:code, :title, :subject, :level, :phase, :credits, :passMark)
     ON CONFLICT (code) DO UPDATE SET title = excluded.title, subject = excluded.subject, level = excluded.level,
       phase = excluded.phase, credits = excluded.credits, pass_mark = excluded.pass_mark`,
  );
  const requires = db.prepare('INSERT OR IGNORE INTO prerequisites VALUES (?, ?)');
  const agent = db.prepare(
    `INSERT INTO agents (id, name, subject, phase) VALUES (:id, :name, :subject, :phase)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, subject = excluded.subject, phase = excluded.phase`,
  );
  db.transaction(() => {
    for (const { prerequisites: _, ...columns } of COURSES) course.run(columns);
    for (const { code, prerequisites } of COURSES) for (const needed of prerequisites) requires.run(code, needed);
    for (const entry of AGENTS) agent.run(entry);
  }).immediate();
}
