import type { ChalkInstance } from 'chalk';
import { organColor } from '../render/log-lines.ts';
import { paintStatus, tally } from '../render/status.ts';
import { age } from '../render/text.ts';
import { cut, harmless, pad, widthOf, wrap } from '../render/width.ts';
import { graphLines } from './graph.ts';
import { HELP, KEYS } from './help.ts';
import { type Layout, layoutOf, type Size } from './layout.ts';
import { filteredLines, type ShownLine, type TopState } from './state.ts';
import { detailLine, tableLines } from './table.ts';

/** The whole screen: as many lines as the terminal has rows, none wider than it is. */
export function renderTop(state: TopState, size: Size, style: ChalkInstance): string[] {
  const layout = layoutOf(state, size);
  const lines = [
    headline(state, size.columns, style),
    ...listLines(state, layout, size.columns, style),
    ...(layout.detail ? [detailLine(state, size.columns, style)] : []),
    ...(layout.logsHeading ? [logHeading(state, size.columns, style)] : []),
    ...logLines(state, layout.logs, size.columns, style),
  ];
  while (lines.length < size.rows - 1) lines.push('');
  return [...lines.slice(0, Math.max(0, size.rows - 1)), footer(state, size.columns, style)].slice(0, size.rows);
}

/** Parts go from the end when the terminal is narrow. */
function headline({ document }: TopState, columns: number, style: ChalkInstance): string {
  if (document === null) return style.dim(cut('asking the supervisor …', columns));
  const { system, organs } = document;
  const threat = system.threatLevel === 'None' ? [] : [`threat ${harmless(system.threatLevel)}`];
  const up = system.uptimeMs === null ? [] : [`up ${age(system.uptimeMs)}`];
  const rest = [system.phase, ...up, tally(organs), ...threat, `supervisor ${system.pid}`];
  const name = cut(harmless(system.name), Math.max(1, columns - 2 - system.status.length));
  const used = widthOf(name) + 2 + system.status.length;
  if (used > columns) return cut(name, columns);
  while (rest.length > 0 && used + widthOf(` · ${rest.join(' · ')}`) > columns) rest.pop();
  return [`${style.bold(name)}  ${paintStatus(style, system.status)}`, ...rest].join(' · ');
}

function listLines(state: TopState, layout: Layout, columns: number, style: ChalkInstance): string[] {
  switch (state.view) {
    case 'help':
      return HELP.slice(state.scrolled, state.scrolled + layout.list).map(([keys, what]) =>
        columns < 14 ? cut(keys, columns) : `${style.bold(pad(keys, 12))} ${cut(what, columns - 13)}`,
      );
    case 'graph':
      return layout.listHeading ? graphLines(state, layout.list, columns, style) : [];
    case 'table':
      return layout.listHeading ? tableLines(state, layout.list, columns, style) : [];
    default:
      return state.view satisfies never;
  }
}

function logHeading({ logs, focus }: TopState, columns: number, style: ChalkInstance): string {
  const parts = [
    logs.only === null ? 'LOGS of all' : `LOGS of ${logs.only}`,
    logs.anchor === null ? 'following' : 'held (f follows)',
    ...(logs.filter === '' ? [] : [`matching /${harmless(logs.filter)}/`]),
  ];
  const text = cut(parts.join(' · '), columns);
  return focus === 'logs' ? style.bold.underline(text) : style.bold(text);
}

/** From the lowest line upwards, as many as there is room for; nothing but the lines themselves, so that they can be copied. */
function logLines(state: TopState, rows: number, columns: number, style: ChalkInstance): string[] {
  if (rows === 0) return [];
  const { logs } = state;
  const lines = filteredLines(logs);
  const { anchor } = logs;
  const end = anchor === null ? lines.length - 1 : lines.findLastIndex(({ number }) => number <= anchor);
  // Where there is hardly any room, it is for the text.
  const names = logs.only === null && columns >= 12 ? Math.min(nameWidth(state), Math.floor(columns / 3)) : 0;
  const shown: string[] = [];
  for (let at = end; at >= 0 && shown.length < rows; at--) {
    shown.unshift(...logRows(lines[at]!, names, logs.wrap, columns, style));
  }
  return shown.slice(-rows);
}

const nameWidth = ({ document }: TopState): number =>
  Math.max(4, ...(document?.organs ?? []).map(({ instance }) => instance.length));

/** As `azora logs` shows it: `mint-1 | text`. Of one instance alone, its text alone. */
function logRows(line: ShownLine, names: number, wrapped: boolean, columns: number, style: ChalkInstance): string[] {
  const bar = line.stream === 'stderr' ? style.red('|') : style.dim('|');
  const prefix = names === 0 ? '' : `${organColor(style, line.organ)(pad(line.instance, names))} ${bar} `;
  const room = Math.max(1, columns - (names === 0 ? 0 : names + 3));
  const rows = wrapped ? wrap(line.text, room) : [cut(line.text, room)];
  return rows.map((row, index) => (index === 0 ? `${prefix}${row}` : `${' '.repeat(columns - room)}${row}`));
}

/** What is being asked, else what happened, else the keys. */
function footer({ prompt, notice }: TopState, columns: number, style: ChalkInstance): string {
  if (prompt?.kind === 'filter') return endOf(`/${harmless(prompt.text)}_`, columns);
  if (prompt?.kind === 'confirm') return style.yellow.bold(cut(`${prompt.verb} ${prompt.instance}? y/n`, columns));
  if (notice !== null) {
    const paint = { good: style.green, bad: style.red, plain: style }[notice.tone];
    return paint(cut(notice.text, columns));
  }
  const keys = [...KEYS];
  while (keys.length > 1 && keys.join('  ').length > columns) keys.pop();
  return style.dim(cut(keys.join('  '), columns));
}

/** Where somebody types, the end is what they look at. */
function endOf(text: string, columns: number): string {
  let shown = text;
  while (widthOf(shown) > columns) shown = [...shown].slice(1).join('');
  return shown;
}
