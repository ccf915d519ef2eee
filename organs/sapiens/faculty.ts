import { Conflict, type Database, NotFound, Unprocessable } from '../kit/index.ts';
import type { Course } from './catalogue/index.ts';
import type { Level, Phase } from './levels.ts';

export interface AgentView {
  readonly id: string;
  readonly name: string;
  readonly subject: string;
  readonly phase: Phase;
  readonly active: boolean;
  /** Learners that it accompanies now. */
  readonly learners: number;
}

interface CourseRow extends Omit<Course, 'prerequisites'> {
  readonly requires: string;
}

/** What is taught and by whom: courses, and the academic agents assigned to their subjects. */
export class Faculty {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  courses(
    filter: { phase?: Phase | undefined; level?: Level | undefined; subject?: string | undefined } = {},
  ): Course[] {
    const rows = this.#db
      .prepare(
        `SELECT code, title, subject, level, phase, credits, pass_mark AS passMark,
           (SELECT json_group_array(requires) FROM prerequisites WHERE course = code) AS requires
         FROM courses
         WHERE (:phase IS NULL OR phase = :phase) AND (:level IS NULL OR level = :level)
           AND (:subject IS NULL OR subject = :subject)
         ORDER BY rowid`,
      )
      .all({
        phase: filter.phase ?? null,
        level: filter.level ?? null,
        subject: filter.subject ?? null,
      }) as CourseRow[];
    return rows.map(({ requires, ...course }) => ({ ...course, prerequisites: JSON.parse(requires) }));
  }

  course(code: string): Course {
    const course = this.courses().find((known) => known.code === code);
    if (!course) throw new NotFound(`there is no course ${code}`);
    return course;
  }

  agents(): AgentView[] {
    const rows = this.#db
      .prepare(
        `SELECT id, name, subject, phase, active,
           (SELECT count(DISTINCT learner) FROM enrolments WHERE agent = agents.id AND state = 'active') AS learners
         FROM agents ORDER BY phase, subject, id`,
      )
      .all() as (Omit<AgentView, 'active'> & { active: number })[];
    return rows.map((row) => ({ ...row, active: row.active === 1 }));
  }

  agent(id: string): AgentView {
    const agent = this.agents().find((known) => known.id === id);
    if (!agent) throw new NotFound(`there is no agent ${id}`);
    return agent;
  }

  /** Assigns one more agent to a subject that is taught in that phase. */
  appoint(name: string, subject: string, phase: Phase): AgentView {
    if (this.courses({ phase, subject }).length === 0)
      throw new Unprocessable(`no ${phase} course has the subject ${subject}`);
    const id = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
    if (this.agents().some((agent) => agent.id === id)) throw new Conflict(`there is already an agent ${id}`);
    this.#db.prepare('INSERT INTO agents (id, name, subject, phase) VALUES (?, ?, ?, ?)').run(id, name, subject, phase);
    return this.agent(id);
  }

  /** An agent at rest takes no new learners; those it has stay with it. */
  setActive(id: string, active: boolean): AgentView {
    this.agent(id);
    this.#db.prepare('UPDATE agents SET active = ? WHERE id = ?').run(active ? 1 : 0, id);
    return this.agent(id);
  }
}
