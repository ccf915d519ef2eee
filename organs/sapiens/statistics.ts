import type { Database } from '../kit/index.ts';
import { LEVELS, type Level, PHASES, type Phase, phaseOf } from './levels.ts';

export interface PhaseStatistics {
  /** A phase is active when it has both a course to take and an active agent to teach it. */
  readonly active: boolean;
  readonly courses: number;
  readonly agents: number;
  readonly learners: number;
  readonly enrolments: number;
}

export interface Statistics {
  readonly phases: Readonly<Record<Phase, PhaseStatistics>>;
  readonly courses: number;
  /** Active academic agents. */
  readonly agents: number;
  readonly learners: number;
  readonly learnersByLevel: Readonly<Partial<Record<Level, number>>>;
  readonly enrolments: Readonly<Record<'active' | 'passed' | 'failed' | 'withdrawn', number>>;
  readonly assessments: number;
  /** Passed among the completed, 0-1; null while none is completed. */
  readonly passRate: number | null;
  /** Mean final mark of the completed in percent; null while none is completed. */
  readonly averageMark: number | null;
}

/** Everything here is counted in the database at the moment of asking. */
export function statistics(db: Database): Statistics {
  const courses = countBy<Phase>(db, 'SELECT phase AS key, count(*) AS n FROM courses GROUP BY phase');
  const agents = countBy<Phase>(db, 'SELECT phase AS key, count(*) AS n FROM agents WHERE active = 1 GROUP BY phase');
  const learners = countBy<Level>(db, 'SELECT level AS key, count(*) AS n FROM learners GROUP BY level');
  const enrolled = countBy<Phase>(
    db,
    `SELECT phase AS key, count(*) AS n FROM enrolments JOIN courses ON code = course WHERE state = 'active' GROUP BY phase`,
  );
  const states = countBy<string>(db, 'SELECT state AS key, count(*) AS n FROM enrolments GROUP BY state');
  const { passed = 0, failed = 0, active = 0, withdrawn = 0 } = Object.fromEntries(states);
  const phase = (name: Phase): PhaseStatistics => {
    const taught = { courses: courses.get(name) ?? 0, agents: agents.get(name) ?? 0 };
    return {
      active: taught.courses > 0 && taught.agents > 0,
      ...taught,
      learners: sum(LEVELS.filter((level) => phaseOf(level) === name).map((level) => learners.get(level) ?? 0)),
      enrolments: enrolled.get(name) ?? 0,
    };
  };
  const completed = passed + failed;
  const averageMark = db
    .prepare(`SELECT round(avg(mark), 1) FROM enrolments WHERE state IN ('passed', 'failed')`)
    .pluck()
    .get();
  return {
    phases: Object.fromEntries(PHASES.map((name) => [name, phase(name)])) as Statistics['phases'],
    courses: sum([...courses.values()]),
    agents: sum([...agents.values()]),
    learners: sum([...learners.values()]),
    learnersByLevel: Object.fromEntries(learners),
    enrolments: { active, passed, failed, withdrawn },
    assessments: db.prepare('SELECT count(*) FROM assessments').pluck().get() as number,
    passRate: completed === 0 ? null : Math.round((passed / completed) * 1000) / 1000,
    averageMark: averageMark as number | null,
  };
}

function countBy<Key extends string>(db: Database, sql: string): Map<Key, number> {
  return new Map((db.prepare(sql).all() as { key: Key; n: number }[]).map(({ key, n }) => [key, n]));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
