import { type Level, levelName, nextLevel, phaseOf, rankOf } from './levels.ts';

/** The academic rules, as functions of what is known; each answers with the reason why not, or null. */

export interface EnrolmentCase {
  readonly learner: { readonly name: string; readonly level: Level };
  readonly course: { readonly code: string; readonly level: Level; readonly prerequisites: readonly string[] };
  /** Course codes that the learner has passed here or had recognised. */
  readonly achieved: ReadonlySet<string>;
  /** Course codes in which the learner is enrolled now. */
  readonly current: ReadonlySet<string>;
}

/** A learner takes courses of their own phase, at or below their level, whose prerequisites they have achieved. */
export function whyNotEnrol({ learner, course, achieved, current }: EnrolmentCase): string | null {
  const phase = phaseOf(learner.level);
  if (phaseOf(course.level) !== phase) {
    return `${course.code} is a ${phaseOf(course.level)} course, and ${learner.name} is in ${levelName(learner.level)} (${phase})`;
  }
  if (rankOf(course.level) > rankOf(learner.level)) {
    return `${course.code} is for ${levelName(course.level)}, and ${learner.name} is in ${levelName(learner.level)}`;
  }
  if (current.has(course.code)) return `${learner.name} is already enrolled in ${course.code}`;
  if (achieved.has(course.code)) return `${learner.name} has already achieved ${course.code}`;
  const missing = course.prerequisites.filter((code) => !achieved.has(code));
  return missing.length > 0
    ? `${course.code} requires ${missing.join(', ')}, not yet achieved by ${learner.name}`
    : null;
}

/** A learner moves up by one level once nothing at the present level is open and something at it is achieved. */
export function whyNotPromote(level: Level, open: number, achieved: number): string | null {
  if (!nextLevel(level)) return `${levelName(level)} is the last level`;
  if (open > 0) return `${open} enrolment(s) in ${levelName(level)} are still open`;
  return achieved === 0 ? `nothing is achieved in ${levelName(level)} yet` : null;
}

export interface Assessed {
  /** Percent, 0-100. */
  readonly mark: number;
  /** The share of the course in percent; a course is complete at 100. */
  readonly weight: number;
}

/** The final mark in percent (one decimal) when the assessments make up the whole course, else null. */
export function finalMark(assessments: readonly Assessed[]): number | null {
  if (totalWeight(assessments) < 100) return null;
  const sum = assessments.reduce((total, { mark, weight }) => total + mark * weight, 0);
  return Math.round(sum / 10) / 10;
}

export function totalWeight(assessments: readonly Assessed[]): number {
  return assessments.reduce((total, { weight }) => total + weight, 0);
}
