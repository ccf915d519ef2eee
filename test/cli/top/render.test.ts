import { stripVTControlCharacters } from 'node:util';
import { Chalk } from 'chalk';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { widthOf } from '../../../src/cli/render/width.ts';
import { sparkline } from '../../../src/cli/top/history.ts';
import { press } from '../../../src/cli/top/press.ts';
import { renderTop } from '../../../src/cli/top/render.ts';
import { difference } from '../../../src/cli/top/screen.ts';
import { NEW_STATE, type TopState, withLines, withNotice, withStatus } from '../../../src/cli/top/state.ts';
import { aDocument, anInstance } from '../fake-supervisor.ts';

const plain = new Chalk({ level: 0 });
const coloured = new Chalk({ level: 3 });
const MIB = 1024 * 1024;

const small = withStatus(
  NEW_STATE,
  aDocument(
    [
      anInstance('vault', {
        cpuPercent: 0.4,
        rssBytes: 48 * MIB,
        ports: { http: 41001 },
        url: 'http://127.0.0.1:41001',
      }),
      anInstance('mint-1', { cpuPercent: 42, rssBytes: 300 * MIB, restarts: 3, health: 'Degraded', reason: 'slow' }),
      anInstance('mail', { state: 'failed', health: 'Critical', pid: null, uptimeMs: null, reason: 'exited with 1' }),
    ],
    { name: 'shop', status: 'Critical' },
  ),
  true,
);

const written = withLines(small, [
  { ts: 0, organ: 'vault', instance: 'vault', stream: 'stdout', line: 'opened', partial: false },
  { ts: 0, organ: 'mint', instance: 'mint-1', stream: 'stderr', line: '\x1b[2J日本\tcoins', partial: false },
]);

const keys = (state: TopState, ...pressed: readonly string[]): TopState =>
  pressed.reduce((before, key) => press(before, key, { columns: 80, rows: 24 })[0], state);

const screen = (state: TopState, columns = 80, rows = 24): string[] =>
  renderTop(state, { columns, rows }, plain).map((line) => line.trimEnd());

describe('a small system', () => {
  test('at 80 columns', () => {
    const lines = screen(written, 80, 14);
    expect(lines).toEqual([
      'shop  Critical · ready · up 1m01s · 3 organs: 1 Healthy, 1 Degraded, 1 Critical',
      '  ORGAN  STATE     HEALTH      CPU               MEM            RST     UP PORT',
      '> vault  ready     Healthy    0.4%         ▁   48.0M         ▁    0  1m00s 41001',
      '  mint-1 ready     Degraded  42.0%         █  300.0M         ▁    3  1m00s',
      '  mail   failed    Critical                                       0',
      'vault · pid 4300 · http://127.0.0.1:41001',
      'LOGS of all · following',
      'vault  | opened',
      'mint-1 | 日本    coins',
      '',
      '',
      '',
      '',
      'q quit  ? keys  s start  x stop  r restart  enter its logs  / filter  f follow',
    ]);
  });

  test('with room for it, reasons have a column', () => {
    const lines = screen(written, 160, 14);
    expect(lines[1]).toMatch(/ PORT {2}REASON$/);
    expect(lines[3]).toMatch(/ slow$/);
  });

  test('narrower, columns go, name and state last', () => {
    const headings = [70, 50, 34, 24, 14].map((columns) => screen(written, columns, 14)[1]);
    expect(headings).toEqual([
      '  ORGAN  STATE     HEALTH      CPU          MEM       RST     UP PORT',
      '  ORGAN  STATE     HEALTH      CPU     MEM  RST',
      '  ORGAN  STATE     HEALTH    RST',
      '  ORGAN  STATE',
      '  ORGAN',
    ]);
  });

  test('the logs of one instance are its text alone', () => {
    const alone = withLines(keys(small, 'enter', 'l'), [
      { ts: 0, organ: 'vault', instance: 'vault', stream: 'stdout', line: 'opened', partial: false },
    ]);
    expect(screen(alone).slice(1, 3)).toEqual(['LOGS of vault · following', 'opened']);
  });

  test('a long line is cut, or wrapped when that is wanted', () => {
    const text = 'x'.repeat(100);
    const long = withLines(small, [
      { ts: 0, organ: 'vault', instance: 'vault', stream: 'stdout', line: text, partial: false },
    ]);
    expect(screen(long, 40, 14)[7]).toBe(`vault  | ${'x'.repeat(30)}…`);
    expect(screen(keys(long, 'w'), 40, 14).slice(7, 11)).toEqual([
      `vault  | ${'x'.repeat(31)}`,
      `         ${'x'.repeat(31)}`,
      `         ${'x'.repeat(31)}`,
      `         ${'x'.repeat(7)}`,
    ]);
  });

  test('the last line asks, tells, or names keys', () => {
    expect(screen(keys(small, 'x')).at(-1)).toBe('stop vault? y/n');
    expect(screen(keys(small, '/', 'e', 'r')).at(-1)).toBe('/er_');
    expect(screen(withNotice(small, 'vault stopped')).at(-1)).toBe('vault stopped');
    expect(screen(small).at(-1)).toMatch(/^q quit {2}\? keys/);
  });

  test('the graph shows who needs whom, and how each is', () => {
    const need = { organ: 'vault', condition: 'healthy', restart: false, required: true } as const;
    const graph = {
      version: 1,
      organs: [
        { organ: 'vault', level: 0, dependsOn: [] },
        { organ: 'mail', level: 1, dependsOn: [need] },
      ],
    } as const;
    expect(screen({ ...keys(small, 'g'), graph }).slice(2, 4)).toEqual([
      'mail              failed    Critical',
      '└─ vault healthy  ready     Healthy',
    ]);
  });
});

test('of 150 instances, those around the selected one are shown', () => {
  const rows = Array.from({ length: 150 }, (_, i) => anInstance(`organ-${i}`));
  const many = withStatus(NEW_STATE, aDocument(rows), true);
  const lines = screen(keys(many, ...Array.from({ length: 75 }, () => 'down')));
  expect(lines[1]).toMatch(/76\/150$/);
  expect(lines.filter((line) => line.startsWith('> '))).toEqual([expect.stringContaining('> organ-75')]);
  expect(lines.some((line) => line.startsWith('  organ-71'))).toBe(true);
  expect(screen(keys(many, 'end')).findLast((line) => /^[> ] organ-/.test(line))).toContain('> organ-149');
});

test.each([
  [[0, 25, 50, 75, 100], 5, '▁▃▅▇█'],
  [[0, 100], 4, '  ▁█'],
  [[null, 100, null], 3, ' █ '],
  [[1, 2, 3, 100], 2, '▁█'],
  [[50, 50], 0, ''],
  [[-5, 500], 2, '▁█'],
])('%j in %i columns is %j', (values, width, line) => {
  expect(sparkline(values, width, 0, 100)).toBe(line);
});

describe('whatever is shown, at whatever size', () => {
  const nasty = fc.string({
    unit: fc.constantFrom('a', ' ', '日', '🙂', '\t', '\r', '\x1b[2J', '\x1b', '\u202e', '\u0301'),
  });
  const instance = fc.record({ name: fc.stringMatching(/^[a-z][a-z0-9-]{0,40}$/), reason: nasty, name2: nasty });
  const state = fc
    .record({
      rows: fc.array(instance, { maxLength: 12 }),
      system: nasty,
      lines: fc.array(nasty, { maxLength: 20 }),
      pressed: fc.array(fc.constantFrom(...'sxrfwlog?/y日', 'tab', 'enter', 'down', 'end', 'pageup', 'escape'), {
        maxLength: 12,
      }),
    })
    .map(({ rows, system, lines, pressed }) => {
      const organs = rows.map(({ name, reason }, i) =>
        anInstance(name, { reason, cpuPercent: i * 9, rssBytes: i * MIB }),
      );
      const known = withStatus(NEW_STATE, aDocument(organs, { name: system }), true);
      const logs = lines.map((line) => ({
        ts: 0,
        organ: 'a',
        instance: 'a',
        stream: 'stdout' as const,
        line,
        partial: false,
      }));
      return keys(withLines(known, logs), ...pressed);
    });

  test('it is as many lines as there are rows, none too wide, and nothing but colours in them', () => {
    const size = fc.record({ columns: fc.integer({ min: 1, max: 210 }), rows: fc.integer({ min: 1, max: 70 }) });
    fc.assert(
      fc.property(state, size, (state, size) => {
        const lines = renderTop(state, size, coloured);
        expect(lines).toHaveLength(size.rows);
        for (const line of lines) {
          const text = line.replace(/\x1b\[[\d;]*m/g, '');
          expect(text).toBe(stripVTControlCharacters(text));
          expect(text).not.toMatch(/[\0-\x1f\x7f-\x9f]/);
          expect(widthOf(text)).toBeLessThanOrEqual(size.columns);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('from one picture to the next', () => {
  test('only lines that differ are written', () => {
    expect(difference(['a', 'b', 'c'], ['a', 'B', 'c'])).toBe('\x1b[2;1H\x1b[2KB\x1b[0m');
    expect(difference(['a'], ['a'])).toBe('');
    expect(difference([], ['a', '', 'c'])).toBe('\x1b[1;1H\x1b[2Ka\x1b[0m\x1b[3;1H\x1b[2Kc\x1b[0m');
    expect(difference(['a'], [''])).toBe('\x1b[1;1H\x1b[2K\x1b[0m');
  });
});
