import { Chalk } from 'chalk';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogLine } from '../../src/adapters/logs/log-line.ts';
import { jsonLine, LogLineRenderer, neutralise, organColor, stripControls } from '../../src/cli/render/log-lines.ts';

const plain = new Chalk({ level: 0 });
const colour = new Chalk({ level: 1 });
const line = (fields: Partial<LogLine> = {}): LogLine => ({
  ts: 1_795_420_800_000.25,
  organ: 'mint',
  instance: 'mint-1',
  stream: 'stdout',
  line: 'hello',
  partial: false,
  ...fields,
});

describe('control sequences', () => {
  it.each<[string, string, string, string]>([
    ['nothing', 'a\tb Ä€😀', 'a\tb Ä€😀', 'a\tb Ä€😀'],
    ['a colour', '\x1b[1;31mred\x1b[0m x', 'red x', '\x1b[1;31mred\x1b[0m x\x1b[0m'],
    ['a colour left on', '\x1b[38:5:9mred', 'red', '\x1b[38:5:9mred\x1b[0m'],
    ['cursor movement and clearing', 'a\x1b[2J\x1b[1;1Hb\x1b[?25lc', 'abc', 'abc'],
    ['a window title', 'a\x1b]0;title\x07b', 'ab', 'ab'],
    ['the clipboard', 'a\x1b]52;c;aGk=\x1b\\b', 'ab', 'ab'],
    ['a hyperlink', '\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\', 'text', 'text'],
    ['a device control string', 'a\x1bP1$r0m\x1b\\b\x1b_x\x1b\\c', 'abc', 'abc'],
    ['C1: a CSI and an OSC', 'a\x9b2Jb\x9d0;t\x9cc\x85d', 'abcd', 'abcd'],
    ['two-byte escapes', 'a\x1bcb\x1b7c\x1b(Bd\x1b=e', 'abcde', 'abcde'],
    ['a sequence without an end', 'a\x1b]0;not hidden', 'a0;not hidden', 'a0;not hidden'],
    ['a CSI cut off', 'a\x1b[12', 'a12', 'a12'],
    ['an escape at the end', 'a\x1b', 'a', 'a'],
    ['a sequence within another', 'a\x1b[\x1b[2Jb', 'ab', 'ab'],
    ['backspace, bell, DEL', 'a\b\x07\x7fb', 'ab', 'ab'],
    ['a bare carriage return', 'evil\rgood', 'evil␍good', 'evil␍good'],
  ])('%s', (_, text, stripped, neutralised) => {
    expect(stripControls(text)).toBe(stripped);
    expect(neutralise(text)).toBe(neutralised);
  });

  it('leaves nothing that a terminal acts on, whatever an organ writes', () => {
    const alphabet = fc.constantFrom(...'\x1b\x1b[]P;?0m2J\x07\\\x9b\x9c\x9d\x9f\r\b\x7fa( ');
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 30 }), (chars) => {
        const text = chars.join('');
        expect(stripControls(text)).not.toMatch(/[\0-\x08\x0a-\x1f\x7f-\x9f]/);
        expect(neutralise(text).replace(/\x1b\[[\d;:]*m/g, '')).not.toMatch(/[\0-\x08\x0a-\x1f\x7f-\x9f]/);
        expect(neutralise(text)).toMatch(/^[^\x1b]*$|\x1b\[0m$/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('lines for people', () => {
  it('have a padded prefix, and a time and no prefix as wanted', () => {
    const renderer = new LogLineRenderer({ style: plain, prefix: true, timestamps: false }, ['aegis', 'mint-1']);
    expect(renderer.render(line())).toBe('mint-1 | hello\n');
    expect(renderer.render(line({ organ: 'aegis', instance: 'aegis' }))).toBe('aegis  | hello\n');
    expect(renderer.render(line({ instance: 'mint-10' }))).toBe('mint-10 | hello\n');
    expect(renderer.render(line())).toBe('mint-1  | hello\n');
    const bare = new LogLineRenderer({ style: plain, prefix: false, timestamps: true });
    expect(bare.render(line())).toBe('2026-11-23T08:00:00.000Z hello\n');
  });

  it('are without any colour where there is none, and in the colour of the organ where there is', () => {
    const text = '\x1b[31mred\x1b[0m';
    const format = { prefix: true, timestamps: true };
    expect(new LogLineRenderer({ ...format, style: plain }).render(line({ line: text }))).not.toContain('\x1b');
    const shown = new LogLineRenderer({ ...format, style: colour }).render(line({ line: text, stream: 'stderr' }));
    expect(shown.startsWith(organColor(colour, 'mint')('mint-1'))).toBe(true);
    expect(shown).toContain(colour.red('|'));
    expect(shown.endsWith('\x1b[31mred\x1b[0m\x1b[0m\n')).toBe(true);
  });

  it('give organs colours that stay and differ', () => {
    const organs = ['supreme-orchestrator', 'elara', 'aegis', 'covenant', 'mint', 'sapiens'];
    const colours = organs.map((organ) => organColor(colour, organ)('x'));
    expect(organs.map((organ) => organColor(colour, organ)('x'))).toEqual(colours);
    expect(new Set(colours).size).toBeGreaterThan(3);
  });
});

describe('lines for scripts', () => {
  it('hold these fields, and `partial` only where it is so', () => {
    expect(JSON.parse(jsonLine(line()))).toEqual({
      ts: '2026-11-23T08:00:00.000Z',
      organ: 'mint',
      instance: 'mint-1',
      stream: 'stdout',
      line: 'hello',
    });
    expect(JSON.parse(jsonLine(line({ partial: true })))).toHaveProperty('partial', true);
  });

  it('keep what an organ wrote, as text that no terminal acts on', () => {
    const text = '\x1b[2J"\x7f\x9b\u2028€';
    expect(jsonLine(line({ line: text }))).toMatch(/^[\x20-\x7e\u2028€]*\n$/);
    expect(JSON.parse(jsonLine(line({ line: text }))).line).toBe(text);
  });
});
