import { describe, expect, test } from 'vitest';
import type { LogLine } from '../../../src/adapters/logs/log-line.ts';
import { type Action, press } from '../../../src/cli/top/press.ts';
import {
  filteredLines,
  LINES_KEPT,
  NEW_STATE,
  orderedRows,
  type TopState,
  withLines,
  withStatus,
} from '../../../src/cli/top/state.ts';
import { aDocument, anInstance } from '../fake-supervisor.ts';

const SIZE = { columns: 80, rows: 24 };

const line = (text: string, instance = 'mint'): LogLine => ({
  ts: 0,
  organ: instance,
  instance,
  stream: 'stdout',
  line: text,
  partial: false,
});

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `o${String(i).padStart(3, '0')}`);

function looking(count = 3): TopState {
  const rows = names(count).map((name, i) =>
    anInstance(name, { cpuPercent: i % 7, rssBytes: 1000 - i, restarts: i % 2 }),
  );
  return withStatus(NEW_STATE, aDocument(rows), true);
}

/** The state after these keys, and what the last of them had done. */
function after(state: TopState, ...keys: readonly string[]): { state: TopState; action: Action | null } {
  let action: Action | null = null;
  for (const key of keys) [state, action] = press(state, key, SIZE);
  return { state, action };
}

describe('the selection', () => {
  test.each([
    [['down'], 'o001'],
    [['j', 'j', 'k'], 'o001'],
    [['up'], 'o000'],
    [['end'], 'o149'],
    [['end', 'down'], 'o149'],
    [['end', 'home'], 'o000'],
    [['pagedown'], 'o009'],
    [['pagedown', 'pageup'], 'o000'],
  ])('%j selects %s of 150', (keys, selected) => {
    expect(after(looking(150), ...keys).state.selected).toBe(selected);
  });

  test('stays with the instance when others come, go or are ordered anew, and moves to the first when it is gone', () => {
    const { state } = after(looking(), 'down');
    const more = withStatus(state, aDocument([anInstance('new'), anInstance('o001'), anInstance('o000')]), false);
    expect(more.selected).toBe('o001');
    expect(after(more, 'o').state.selected).toBe('o001');
    expect(withStatus(more, aDocument([anInstance('new')]), false).selected).toBe('new');
    expect(withStatus(more, aDocument([]), false).selected).toBeNull();
  });

  test.each([
    [[], ['o000', 'o001', 'o002']],
    [['o'], ['o002', 'o001', 'o000']],
    [
      ['o', 'o'],
      ['o000', 'o001', 'o002'],
    ],
    [
      ['o', 'o', 'o'],
      ['o001', 'o000', 'o002'],
    ],
    [
      ['o', 'o', 'o', 'o'],
      ['o000', 'o001', 'o002'],
    ],
  ])('%j orders %j', (keys, order) => {
    expect(orderedRows(after(looking(), ...keys).state).map(({ instance }) => instance)).toEqual(order);
  });
});

describe('what keys have done', () => {
  const act = (verb: 'start' | 'stop' | 'restart', instance = 'o000'): Action => ({ kind: 'act', verb, instance });
  test.each<[string[], Action | null]>([
    [['q'], { kind: 'quit' }],
    [['ctrl-c'], { kind: 'interrupt' }],
    [['/', 'ctrl-c'], { kind: 'interrupt' }],
    [['x', 'ctrl-c'], { kind: 'interrupt' }],
    [['ctrl-z'], { kind: 'suspend' }],
    [['ctrl-l'], { kind: 'redraw' }],
    [['s'], act('start')],
    [['down', 's'], act('start', 'o001')],
    [['x'], null],
    [['x', 'y'], act('stop')],
    [['x', 'n'], null],
    [['x', 'escape'], null],
    [['x', 'q'], null],
    [['r', 'y'], act('restart')],
    [['enter'], { kind: 'follow', only: 'o000' }],
    [['enter', 'enter'], { kind: 'follow', only: null }],
    [['enter', 'down', 'enter'], { kind: 'follow', only: 'o001' }],
    [['g'], { kind: 'read-graph' }],
    [['g', 'g'], null],
    [['é'], null],
  ])('%j: %j', (keys, action) => {
    expect(after(looking(), ...keys).action).toEqual(action);
  });

  test.each(['s', 'x', 'r'])('%s does nothing where there is nothing', (key) => {
    expect(after(NEW_STATE, key, 'y').action).toBeNull();
  });

  test('what happened before is forgotten with the next key', () => {
    const told = { ...looking(), notice: { text: 'mint stopped', tone: 'good' as const } };
    expect(after(told, 'down').state.notice).toBeNull();
  });
});

describe('the filter', () => {
  const written = withLines(looking(), [line('GET /a'), line('error: no'), line('GET (b'), line('quiet', 'vault')]);
  test.each([
    ['get', ['GET /a', 'GET (b']],
    ['^error', ['error: no']],
    ['(b', ['GET (b']],
    ['vault', ['quiet']],
    ['nothing', []],
  ])('/%s', (filter, shown) => {
    const { state } = after(written, '/', ...filter);
    expect(filteredLines(state.logs).map(({ text }) => text)).toEqual(shown);
    expect(after(state, 'enter').state).toMatchObject({ prompt: null, logs: { filter } });
    expect(after(state, 'escape').state).toMatchObject({ prompt: null, logs: { filter: '' } });
    expect(after(state, 'enter', 'escape').state.logs.filter).toBe('');
  });

  test('is typed and corrected; keys that move do not end it', () => {
    expect(after(written, '/', 'q', 'x', 'backspace', 'up', 'é').state.prompt).toEqual({ kind: 'filter', text: 'qé' });
    expect(after(written, '/', 'q', 'x', 'ctrl-u').state.prompt).toEqual({ kind: 'filter', text: '' });
  });
});

describe('the logs', () => {
  const written = withLines(
    looking(),
    Array.from({ length: 100 }, (_, i) => line(`line ${i}`)),
  );

  test('are followed until they are scrolled up, and again at their end', () => {
    const up = after(written, 'tab', 'up').state;
    expect(up.logs.anchor).toBe(99);
    const more = withLines(up, [line('more')]);
    expect(more.logs.anchor).toBe(99);
    expect(after(more, 'end').state.logs.anchor).toBeNull();
    expect(after(more, 'down', 'down').state.logs.anchor).toBeNull();
    expect(after(more, 'home').state.logs.anchor).toBe(1);
  });

  test('f holds still, and lets go', () => {
    const held = after(written, 'f').state;
    expect(held.logs.anchor).toBe(100);
    expect(after(held, 'f').state.logs.anchor).toBeNull();
  });

  test('no more are kept than can be looked at', () => {
    const flooded = withLines(
      written,
      Array.from({ length: 20_000 }, (_, i) => line(`flood ${i}`)),
    );
    expect(flooded.logs.lines).toHaveLength(LINES_KEPT);
    expect(flooded.logs.lines.at(-1)?.text).toBe('flood 19999');
    const numbers = flooded.logs.lines.map(({ number }) => number);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  });

  test('of another choice begin empty', () => {
    expect(after(written, 'enter').state.logs).toMatchObject({ only: 'o000', lines: [], anchor: null });
  });
});

describe('views', () => {
  test('l goes through both, logs alone, table alone', () => {
    const layouts = [['l'], ['l', 'l'], ['l', 'l', 'l']].map((keys) => after(looking(), ...keys).state.layout);
    expect(layouts).toEqual(['logs', 'list', 'split']);
  });

  test('help and graph are scrolled within what there is, and left by escape', () => {
    const help = after(looking(), '?', 'pagedown', 'pagedown', 'pagedown').state;
    expect(help).toMatchObject({ view: 'help', scrolled: 14 });
    expect(after(help, 'home').state.scrolled).toBe(0);
    expect(after(help, 'escape').state).toMatchObject({ view: 'table', scrolled: 0 });
  });
});
