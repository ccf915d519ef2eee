import type { ChalkInstance } from 'chalk';
import type { InstanceStatus } from '../../core/status.ts';
import { paintHealth, paintState } from '../render/status.ts';
import { age, bytes } from '../render/text.ts';
import { cut, harmless, pad } from '../render/width.ts';
import { cpuLine, EMPTY_HISTORY, type History, rssLine } from './history.ts';
import { orderedRows, type TopState } from './state.ts';

interface Column {
  readonly title: string;
  readonly width: number;
  readonly align?: 'right';
  /** What goes first when the terminal is narrow: the highest number first; without one it stays. */
  readonly drop?: number;
  readonly text: (row: InstanceStatus, history: History) => string;
  readonly paint?: (text: string, row: InstanceStatus) => string;
}

const MARK = 2;
const LONGEST_NAME = 28;
const NARROWEST_SPARK = 4;
const WIDEST_SPARK = 40;
const NARROWEST_REASON = 16;

/** The heading and so many rows, the selected one among them. */
export function tableLines(state: TopState, rows: number, columns: number, style: ChalkInstance): string[] {
  const all = orderedRows(state);
  const shown = fitting(columnsFor(all, state.order, style), columns - MARK, style);
  const at = Math.max(
    0,
    all.findIndex(({ instance }) => instance === state.selected),
  );
  const first = Math.max(0, Math.min(at - Math.floor(rows / 2), all.length - rows));
  const heading = shown.map(({ title, width, align }) => pad(title, width, align)).join(' ');
  const lines = all.slice(first, first + rows).map((row, index) => {
    const history = state.history.get(row.instance) ?? EMPTY_HISTORY;
    const cells = shown.map(({ width, align, text, paint }) => {
      const cell = pad(text(row, history), width, align);
      return paint ? paint(cell, row) : cell;
    });
    const isSelected = first + index === at;
    const name = isSelected ? style.bold.inverse(cells[0]) : cells[0];
    return `${isSelected ? '> ' : '  '}${[name, ...cells.slice(1)].join(' ')}`;
  });
  const more = all.length > rows && columns > 20 ? ` ${at + 1}/${all.length}` : '';
  const title = cut(`  ${heading.trimEnd()}`, columns - more.length);
  return [style.bold(`${title}${more}`), ...lines].map((line) => (columns > MARK ? line : ''));
}

function columnsFor(rows: readonly InstanceStatus[], order: TopState['order'], style: ChalkInstance): Column[] {
  const longest = Math.max(5, ...rows.map(({ instance }) => instance.length));
  const ports = rows.map(portsOf);
  const sorted = (title: string, by: TopState['order']): string => (order === by ? `${title}*` : title);
  const all: Column[] = [
    { title: 'ORGAN', width: Math.min(longest, LONGEST_NAME), text: ({ instance }) => instance },
    {
      title: 'STATE',
      width: 9,
      text: ({ state }) => state,
      paint: (text, { state }) => paintState(style, state, text),
    },
    {
      title: 'HEALTH',
      width: 8,
      text: ({ health }) => health,
      paint: (text, { health }) => paintHealth(style, health, text),
      drop: 1,
    },
    { title: sorted('CPU', 'cpu'), width: 6, align: 'right', text: cpuOf, drop: 3 },
    { title: sorted('MEM', 'memory'), width: 7, align: 'right', text: memoryOf, drop: 4 },
    { title: sorted('RST', 'restarts'), width: 4, align: 'right', text: ({ restarts }) => String(restarts), drop: 2 },
    { title: 'UP', width: 6, align: 'right', text: uptimeOf, drop: 5 },
    { title: 'PORT', width: Math.max(5, ...ports.map((text) => text.length)), text: portsOf, drop: 6 },
  ];
  return ports.every((text) => text === '') ? all.slice(0, -1) : all;
}

/** Leaves out what there is no room for; where there is more room, it is for sparklines, then for reasons. */
function fitting(all: readonly Column[], room: number, style: ChalkInstance): Column[] {
  let shown = [...all];
  const used = (): number => shown.reduce((sum, { width }) => sum + width + 1, -1);
  while (used() > room) {
    const victim = shown.filter(({ drop }) => drop).sort((a, b) => b.drop! - a.drop!)[0];
    if (!victim) return narrowed(shown, room);
    shown = shown.filter((column) => column !== victim);
  }
  const free = room - used() - 2;
  const spark = Math.min(WIDEST_SPARK, Math.floor(free / (free > 60 ? 4 : 2)));
  if (spark >= NARROWEST_SPARK) {
    shown = shown.flatMap((column) => {
      if (column.align && /^CPU/.test(column.title)) return [column, sparkColumn(cpuLine, spark, style)];
      if (column.align && /^MEM/.test(column.title)) return [column, sparkColumn(rssLine, spark, style)];
      return [column];
    });
  }
  const left = room - used() - 1;
  if (left < NARROWEST_REASON) return shown;
  const reason = ({ reason }: InstanceStatus): string => harmless(reason ?? '').replace(/\s+/g, ' ');
  return [...shown, { title: 'REASON', width: left, text: reason }];
}

const sparkColumn = (
  line: (history: History, width: number) => string,
  width: number,
  style: ChalkInstance,
): Column => ({
  title: '',
  width,
  text: (_, history) => line(history, width),
  paint: (text) => style.cyan(text),
});

/** Nothing but name and state, and even for these there is not enough room. */
function narrowed([name, state]: readonly Column[], room: number): Column[] {
  const forName = Math.max(1, Math.min(name!.width, room - state!.width - 1));
  return room > state!.width + 4 ? [{ ...name!, width: forName }, state!] : [{ ...name!, width: Math.max(0, room) }];
}

/** The selected instance, with what has no column. */
export function detailLine(state: TopState, columns: number, style: ChalkInstance): string {
  const row = orderedRows(state).find(({ instance }) => instance === state.selected);
  if (!row) return '';
  const parts = [
    row.instance,
    row.pid === null ? null : `pid ${row.pid}`,
    row.url,
    row.desired === 'down' ? 'to stay stopped' : null,
    row.exit === null ? null : `last exit ${row.exit.signal ?? row.exit.code ?? 'unseen'}`,
    row.latencyMs === null ? null : `check ${row.latencyMs.toFixed(1)}ms`,
    row.reason,
  ];
  const text = harmless(
    parts
      .filter((part) => part !== null)
      .join(' · ')
      .replace(/\s+/g, ' '),
  );
  return style.dim(cut(text, columns));
}

const cpuOf = ({ cpuPercent }: InstanceStatus): string => (cpuPercent === null ? '' : `${cpuPercent.toFixed(1)}%`);
const memoryOf = ({ rssBytes }: InstanceStatus): string => (rssBytes === null ? '' : bytes(rssBytes));
const uptimeOf = ({ uptimeMs }: InstanceStatus): string => (uptimeMs === null ? '' : age(uptimeMs));
const portsOf = ({ ports }: InstanceStatus): string => Object.values(ports).join(',');
