import { GRADES, type Level, NQF_LEVELS, type Phase, phaseOf, rankOf } from '../levels.ts';
import { SCHOOL_SUBJECTS, type SchoolSubject } from './school.ts';
import { CREDITS, DISCIPLINES, type Discipline } from './university.ts';

export interface Course {
  readonly code: string;
  readonly title: string;
  readonly subject: string;
  readonly level: Level;
  readonly phase: Phase;
  /** NQF credits; 0 in school. */
  readonly credits: number;
  /** The final mark, in percent, from which the course is passed. */
  readonly passMark: number;
  readonly prerequisites: readonly string[];
}

export interface Agent {
  readonly id: string;
  readonly name: string;
  readonly subject: string;
  readonly phase: Phase;
}

const PASS_MARK: Record<Phase, number> = { primary: 40, secondary: 40, university: 50 };

/** The courses that Sapiens starts with. */
export const COURSES: readonly Course[] = [
  ...SCHOOL_SUBJECTS.flatMap(schoolCourses),
  ...DISCIPLINES.flatMap(universityCourses),
];

/** The academic agents that Sapiens starts with: one for each subject in each phase it is taught in. */
export const AGENTS: readonly Agent[] = [
  ...new Map(COURSES.map(({ subject, phase }) => [`${slug(subject)}-${phase}`, agentFor(subject, phase)])).values(),
];

/** One course a grade. From grade 11 a subject builds on the grade before it; below, the grade itself is enough. */
function schoolCourses({ code, name, from, to }: SchoolSubject): Course[] {
  const first = rankOf(from);
  return GRADES.slice(first, rankOf(to) + 1).map((grade, index) => {
    const phase = phaseOf(grade);
    const before = GRADES[first + index - 1];
    return {
      code: `${code}-${grade}`,
      title: `${name}, grade ${grade}`,
      subject: name,
      level: grade,
      phase,
      credits: 0,
      passMark: PASS_MARK[phase],
      prerequisites: before && rankOf(grade) >= rankOf('11') ? [`${code}-${before}`] : [],
    };
  });
}

function universityCourses({ code, name, titles }: Discipline): Course[] {
  return NQF_LEVELS.map((level, index) => ({
    code: `${code}-${level}`,
    title: titles[index] ?? name,
    subject: name,
    level,
    phase: 'university',
    credits: CREDITS[index] ?? 0,
    passMark: PASS_MARK.university,
    prerequisites: index === 0 ? [] : [`${code}-${NQF_LEVELS[index - 1]}`],
  }));
}

function agentFor(subject: string, phase: Phase): Agent {
  return { id: `${slug(subject)}-${phase}`, name: `${subject} agent (${phase})`, subject, phase };
}

function slug(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}
