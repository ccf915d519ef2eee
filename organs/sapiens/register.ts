import { randomUUID } from 'node:crypto';
import { Conflict, type Database, NotFound, Unprocessable } from '../kit/index.ts';
import { LEVELS, type Level, nextLevel, type Phase, phaseOf } from './levels.ts';
import { finalMark, totalWeight, whyNotEnrol, whyNotPromote } from './rules.ts';

export interface Learner {
  readonly id: string;
  readonly name: string;
  readonly level: Level;
  readonly registered_at: string;
}

export interface Enrolment {
  readonly id: string;
  readonly learner: string;
  readonly course: string;
  readonly agent: string;
  readonly state: 'active' | 'passed' | 'failed' | 'withdrawn';
  /** The final mark in percent, once the course is complete. */
  readonly mark: number | null;
  readonly enrolled_at: string;
  readonly ended_at: string | null;
}

interface Assessment {
  readonly name: string;
  readonly mark: number;
  readonly weight: number;
  readonly assessed_at: string;
}

/** The register of learners: who they are, what they take, how they do. Times are ISO texts from `now`. */
export class Register {
  readonly #db: Database;
  readonly #now: () => Date;

  constructor(db: Database, now: () => Date) {
    this.#db = db;
    this.#now = now;
  }

  admit(name: string, level: Level): Learner {
    const learner: Learner = { id: randomUUID(), name, level, registered_at: this.#at() };
    this.#db.prepare('INSERT INTO learners VALUES (:id, :name, :level, :registered_at)').run(learner);
    return learner;
  }

  learner(id: string): Learner {
    const learner = this.#db.prepare('SELECT * FROM learners WHERE id = ?').get(id) as Learner | undefined;
    if (!learner) throw new NotFound(`there is no learner ${id}`);
    return learner;
  }

  /** Learners in the order of their admission. */
  learners({
    phase,
    level,
    limit,
    offset,
  }: {
    phase?: Phase | undefined;
    level?: Level | undefined;
    limit: number;
    offset: number;
  }): Learner[] {
    const levels = LEVELS.filter((known) => (!level || known === level) && (!phase || phaseOf(known) === phase));
    return this.#db
      .prepare(
        `SELECT * FROM learners WHERE level IN (SELECT value FROM json_each(?)) ORDER BY registered_at, id LIMIT ? OFFSET ?`,
      )
      .all(JSON.stringify(levels), limit, offset) as Learner[];
  }

  enrolments(learner: string): Enrolment[] {
    return this.#db
      .prepare('SELECT * FROM enrolments WHERE learner = ? ORDER BY enrolled_at, id')
      .all(learner) as Enrolment[];
  }

  enrolment(id: string): Enrolment & { assessments: Assessment[] } {
    const enrolment = this.#db.prepare('SELECT * FROM enrolments WHERE id = ?').get(id) as Enrolment | undefined;
    if (!enrolment) throw new NotFound(`there is no enrolment ${id}`);
    const assessments = this.#db
      .prepare('SELECT name, mark, weight, assessed_at FROM assessments WHERE enrolment = ? ORDER BY id')
      .all(id) as Assessment[];
    return { ...enrolment, assessments };
  }

  /** Enrols a learner with the least busy active agent of the subject. Throws Unprocessable with the rule that forbids it. */
  enrol(learnerId: string, code: string): Enrolment {
    return this.#db
      .transaction(() => {
        const learner = this.learner(learnerId);
        const course = this.#course(code);
        const refusal = whyNotEnrol({
          learner,
          course,
          achieved: this.#achieved(learnerId),
          current: new Set(this.#active(learnerId).map((enrolment) => enrolment.course)),
        });
        if (refusal) throw new Unprocessable(refusal);
        const enrolment: Enrolment = {
          id: randomUUID(),
          learner: learnerId,
          course: code,
          agent: this.#agentFor(course.subject, phaseOf(course.level)),
          state: 'active',
          mark: null,
          enrolled_at: this.#at(),
          ended_at: null,
        };
        this.#db
          .prepare(
            'INSERT INTO enrolments VALUES (:id, :learner, :course, :agent, :state, :mark, :enrolled_at, :ended_at)',
          )
          .run(enrolment);
        return enrolment;
      })
      .immediate();
  }

  /** Records an assessment. The one that completes 100 % ends the course as passed or failed by its pass mark. */
  assess(id: string, { name, mark, weight }: Omit<Assessment, 'assessed_at'>): ReturnType<Register['enrolment']> {
    return this.#db
      .transaction(() => {
        const { state, course, assessments } = this.enrolment(id);
        if (state !== 'active') throw new Conflict(`the enrolment in ${course} has ended (${state})`);
        if (assessments.some((assessment) => assessment.name === name)) {
          throw new Conflict(`"${name}" is already assessed in ${course}`);
        }
        const left = 100 - totalWeight(assessments);
        if (weight > left)
          throw new Unprocessable(`"${name}" weighs ${weight} %, and ${left} % of ${course} is left to assess`);
        this.#db
          .prepare('INSERT INTO assessments (enrolment, name, mark, weight, assessed_at) VALUES (?, ?, ?, ?, ?)')
          .run(id, name, mark, weight, this.#at());
        const final = finalMark([...assessments, { mark, weight }]);
        if (final !== null) this.#end(id, final >= this.#course(course).passMark ? 'passed' : 'failed', final);
        return this.enrolment(id);
      })
      .immediate();
  }

  withdraw(id: string): Enrolment {
    const { state, course } = this.enrolment(id);
    if (state !== 'active') throw new Conflict(`the enrolment in ${course} has ended (${state})`);
    this.#end(id, 'withdrawn', null);
    return this.enrolment(id);
  }

  /** Credits what was learned elsewhere, on the evidence named, so that it counts as a prerequisite. */
  recognise(learnerId: string, code: string, evidence: string): void {
    this.learner(learnerId);
    this.#course(code);
    if (this.#achieved(learnerId).has(code)) throw new Conflict(`${code} is already achieved`);
    this.#db.prepare('INSERT INTO recognitions VALUES (?, ?, ?, ?)').run(learnerId, code, evidence, this.#at());
  }

  /** Moves a learner up by one level. Throws Unprocessable with the reason why not. */
  promote(id: string): Learner {
    const { level } = this.learner(id);
    const atLevel = (code: string) => this.#course(code).level === level;
    const open = this.#active(id).filter(({ course }) => atLevel(course)).length;
    const refusal = whyNotPromote(level, open, [...this.#achieved(id)].filter(atLevel).length);
    const next = nextLevel(level);
    if (refusal || !next) throw new Unprocessable(refusal ?? 'there is no next level');
    this.#db.prepare('UPDATE learners SET level = ? WHERE id = ?').run(next, id);
    return this.learner(id);
  }

  #course(code: string) {
    const course = this.#db
      .prepare('SELECT code, subject, level, pass_mark AS passMark FROM courses WHERE code = ?')
      .get(code) as { code: string; subject: string; level: Level; passMark: number } | undefined;
    if (!course) throw new NotFound(`there is no course ${code}`);
    const prerequisites = this.#db
      .prepare('SELECT requires FROM prerequisites WHERE course = ?')
      .pluck()
      .all(code) as string[];
    return { ...course, prerequisites };
  }

  #agentFor(subject: string, phase: Phase): string {
    const agent = this.#db
      .prepare(
        `SELECT id FROM agents WHERE subject = ? AND phase = ? AND active = 1
         ORDER BY (SELECT count(*) FROM enrolments WHERE agent = agents.id AND state = 'active'), id LIMIT 1`,
      )
      .pluck()
      .get(subject, phase) as string | undefined;
    if (!agent) throw new Unprocessable(`no academic agent for ${subject} (${phase}) is active`);
    return agent;
  }

  #active(learner: string): Enrolment[] {
    return this.enrolments(learner).filter(({ state }) => state === 'active');
  }

  #achieved(learner: string): Set<string> {
    const codes = this.#db
      .prepare(
        `SELECT course FROM enrolments WHERE learner = :learner AND state = 'passed'
         UNION SELECT course FROM recognitions WHERE learner = :learner`,
      )
      .pluck()
      .all({ learner }) as string[];
    return new Set(codes);
  }

  #end(id: string, state: Enrolment['state'], mark: number | null): void {
    this.#db
      .prepare('UPDATE enrolments SET state = ?, mark = ?, ended_at = ? WHERE id = ?')
      .run(state, mark, this.#at(), id);
  }

  #at(): string {
    return this.#now().toISOString();
  }
}
