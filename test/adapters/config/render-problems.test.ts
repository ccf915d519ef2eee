import { describe, expect, it } from 'vitest';
import { renderProblems } from '../../../src/adapters/config/render-problems.ts';
import type { Problem } from '../../../src/core/config/problem.ts';
import { load } from './folder.ts';

const problem: Problem = {
  message: 'unknown key "comand"',
  file: 'azora.yaml',
  line: 12,
  column: 5,
  length: 6,
  hint: 'did you mean "command"?',
  sourceLine: '    comand: node',
};

describe('a problem', () => {
  it('is shown with its place, its line, a squiggle and a hint', async () => {
    const result = await load('organs:\n  a:\n    comand: x\n    command: y\n    restart: allways\n');
    expect(result.ok ? '' : renderProblems(result.problems, { color: false })).toBe(
      [
        'azora.yaml:3:5 unknown key "comand"',
        '        comand: x',
        '        ~~~~~~',
        '    did you mean "command"?',
        '',
        'azora.yaml:5:14 expected always, on-failure, never, or a map, found "allways"',
        '        restart: allways',
        '                 ~~~~~~~',
        '    did you mean "always"?',
      ].join('\n'),
    );
  });

  it('has colours only where they are wanted', () => {
    expect(renderProblems([problem], { color: false })).not.toContain('\u001b');
    expect(renderProblems([problem], { color: true })).toContain('\u001b[31m~~~~~~\u001b[0m');
  });

  it('about a file as a whole has no excerpt', () => {
    const whole = { ...problem, line: null, column: null, sourceLine: null, hint: 'one\ntwo' };
    expect(renderProblems([whole], { color: false })).toBe('azora.yaml unknown key "comand"\n    one\n    two');
    expect(renderProblems([{ ...whole, file: null, hint: null }], { color: false })).toBe('unknown key "comand"');
  });

  it('lets no control character through, and keeps the squiggle under its text', () => {
    const nasty = { ...problem, message: 'a\u001b[2Jb', sourceLine: '\t\u001b]0;x\u0007ab', column: 8, length: 2 };
    const lines = renderProblems([nasty], { color: false }).split('\n');
    expect(lines[0]).toBe('azora.yaml:12:8 a\ufffd[2Jb');
    expect(lines[1]!.slice(lines[2]!.indexOf('~'), lines[2]!.lastIndexOf('~') + 1)).toBe('ab');
    expect(lines.join('')).not.toMatch(/[\u0000-\u001f]/);
  });

  it('in a line of a megabyte shows what is around it', () => {
    const long = {
      ...problem,
      sourceLine: `${'x'.repeat(500_000)}HERE${'y'.repeat(500_000)}`,
      column: 500_001,
      length: 4,
    };
    const [, line, squiggle] = renderProblems([long], { color: false }).split('\n');
    expect(line!.length).toBeLessThan(200);
    expect(line!.slice(squiggle!.indexOf('~'), squiggle!.lastIndexOf('~') + 1)).toBe('HERE');
  });
});
