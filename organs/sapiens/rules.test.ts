import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AGENTS, COURSES } from './catalogue/index.ts';
import { LEVELS, type Level, PHASES, phaseOf } from './levels.ts';
import { finalMark, whyNotEnrol, whyNotPromote } from './rules.ts';

describe('the levels', () => {
  const table: [Level, string][] = [
    ['R', 'primary'],
    ['7', 'primary'],
    ['8', 'secondary'],
    ['12', 'secondary'],
    ['NQF5', 'university'],
    ['NQF10', 'university'],
  ];
  test.each(table)('%s is %s', (level, phase) => expect(phaseOf(level)).toBe(phase));
});

describe('the catalogue', () => {
  const codes = new Set(COURSES.map(({ code }) => code));

  test('names each course once, and only prerequisites that exist, of a lower level', () => {
    expect(codes.size).toBe(COURSES.length);
    for (const { level, prerequisites } of COURSES) {
      for (const code of prerequisites) {
        const before = COURSES.find((course) => course.code === code);
        expect(before && LEVELS.indexOf(before.level)).toBeLessThan(LEVELS.indexOf(level));
      }
    }
  });

  test('covers every level, and every subject of a phase has an agent', () => {
    expect(new Set(COURSES.map(({ level }) => level))).toEqual(new Set(LEVELS));
    expect(new Set(AGENTS.map(({ phase }) => phase))).toEqual(new Set(PHASES));
    const taught = new Set(AGENTS.map(({ subject, phase }) => `${subject} ${phase}`));
    expect(new Set(COURSES.map(({ subject, phase }) => `${subject} ${phase}`))).toEqual(taught);
  });
});

describe('enrolment', () => {
  const table: [Level, string, string[], string[], RegExp | null][] = [
    ['7', 'MATH-7', [], [], null],
    ['7', 'MATH-5', [], [], null],
    ['6', 'MATH-7', [], [], /for grade 7, and Thandi is in grade 6/],
    ['8', 'MATH-7', [], [], /a primary course/],
    ['12', 'CSC-NQF5', [], [], /a university course/],
    ['11', 'PHSC-11', [], [], /requires PHSC-10/],
    ['11', 'PHSC-11', ['PHSC-10'], [], null],
    ['NQF6', 'CSC-NQF6', [], [], /requires CSC-NQF5/],
    ['NQF6', 'CSC-NQF6', ['CSC-NQF5'], [], null],
    ['NQF5', 'CSC-NQF5', ['CSC-NQF5'], [], /already achieved/],
    ['NQF5', 'CSC-NQF5', [], ['CSC-NQF5'], /already enrolled/],
  ];
  test.each(table)('in level %s, %s after %o, taking %o', (level, code, achieved, current, reason) => {
    const course = COURSES.find((known) => known.code === code);
    if (!course) throw new Error(`the catalogue has no ${code}`);
    const refusal = whyNotEnrol({
      learner: { name: 'Thandi', level },
      course,
      achieved: new Set(achieved),
      current: new Set(current),
    });
    if (reason) expect(refusal).toMatch(reason);
    else expect(refusal).toBeNull();
  });
});

describe('marks', () => {
  test('there is no final mark before 100 %', () => {
    expect(finalMark([{ mark: 90, weight: 99 }])).toBeNull();
  });

  test('the final mark lies between the lowest and the highest', () => {
    const marks = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(marks, (list) => {
        const final = finalMark(list.map((mark) => ({ mark, weight: 25 }))) ?? -1;
        expect(final).toBeGreaterThanOrEqual(Math.min(...list));
        expect(final).toBeLessThanOrEqual(Math.max(...list));
      }),
    );
  });
});

test.each<[Level, number, number, RegExp | null]>([
  ['7', 0, 3, null],
  ['7', 1, 3, /still open/],
  ['7', 0, 0, /nothing is achieved/],
  ['NQF10', 0, 1, /the last level/],
])('promotion from %s with %i open and %i achieved', (level, open, achieved, reason) => {
  const refusal = whyNotPromote(level, open, achieved);
  if (reason) expect(refusal).toMatch(reason);
  else expect(refusal).toBeNull();
});
