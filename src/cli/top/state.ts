import type { LogLine } from '../../adapters/logs/log-line.ts';
import type { GraphDocument } from '../../core/dependency-view.ts';
import type { InstanceStatus, StatusDocument } from '../../core/status.ts';
import { harmless } from '../render/width.ts';
import { EMPTY_HISTORY, type History, remember } from './history.ts';

/** What `azora top` knows and shows: all of it, as a value. What is drawn follows from it and the terminal's size alone. */
export interface TopState {
  /** null: not heard of yet. */
  readonly document: StatusDocument | null;
  readonly history: ReadonlyMap<string, History>;
  readonly order: Order;
  /** An instance. */
  readonly selected: string | null;
  readonly view: 'table' | 'graph' | 'help';
  /** Of the running configuration; null until it is asked for. */
  readonly graph: GraphDocument | null;
  /** How far the graph or the help is scrolled down, in lines. */
  readonly scrolled: number;
  readonly layout: 'split' | 'logs' | 'list';
  /** What the arrows move. */
  readonly focus: 'list' | 'logs';
  readonly logs: LogPane;
  readonly prompt: Prompt | null;
  /** What has become of the latest request, or other news. */
  readonly notice: Notice | null;
}

export type Order = 'file' | 'cpu' | 'memory' | 'restarts';
export type Verb = 'start' | 'stop' | 'restart';
export type Prompt =
  | { readonly kind: 'filter'; readonly text: string }
  | { readonly kind: 'confirm'; readonly verb: Verb; readonly instance: string };
export interface Notice {
  readonly text: string;
  readonly tone: 'good' | 'bad' | 'plain';
}

export interface LogPane {
  /** The latest lines, oldest first. */
  readonly lines: readonly ShownLine[];
  /** Only this instance's. */
  readonly only: string | null;
  /** Only lines that match: a regular expression, upper and lower case alike. */
  readonly filter: string;
  /** The number of the lowest line that is shown; null: the latest, always. */
  readonly anchor: number | null;
  readonly wrap: boolean;
}

/** A line of output, harmless. */
export interface ShownLine {
  /** Grows from line to line. */
  readonly number: number;
  readonly organ: string;
  readonly instance: string;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** As many lines as are kept to be scrolled through; the files have the others. */
export const LINES_KEPT = 5_000;

export const NEW_STATE: TopState = {
  document: null,
  history: new Map(),
  order: 'file',
  selected: null,
  view: 'table',
  graph: null,
  scrolled: 0,
  layout: 'split',
  focus: 'list',
  logs: { lines: [], only: null, filter: '', anchor: null, wrap: false },
  prompt: null,
  notice: null,
};

/** @param sample the figures are one step of the history: they are that long after those before */
export function withStatus(state: TopState, document: StatusDocument, sample: boolean): TopState {
  const history = sample
    ? new Map(
        document.organs.map((row) => [row.instance, remember(state.history.get(row.instance) ?? EMPTY_HISTORY, row)]),
      )
    : state.history;
  const next = { ...state, document, history };
  const rows = orderedRows(next);
  const present = rows.some(({ instance }) => instance === state.selected);
  return { ...next, selected: present ? state.selected : (rows[0]?.instance ?? null) };
}

export function withLines(state: TopState, lines: readonly LogLine[]): TopState {
  const last = state.logs.lines.at(-1)?.number ?? 0;
  const fresh = lines.slice(-LINES_KEPT).map(({ organ, instance, stream, line }, index) => {
    return { number: last + 1 + index, organ, instance, stream, text: harmless(line) };
  });
  const kept = [...state.logs.lines, ...fresh].slice(-LINES_KEPT);
  return { ...state, logs: { ...state.logs, lines: kept } };
}

export const withNotice = (state: TopState, text: string, tone: Notice['tone'] = 'plain'): TopState => ({
  ...state,
  notice: { text: harmless(text), tone },
});

export function orderedRows({ document, order }: TopState): readonly InstanceStatus[] {
  const rows = document?.organs ?? [];
  switch (order) {
    case 'file':
      return rows;
    case 'cpu':
      return rows.toSorted((a, b) => (b.cpuPercent ?? -1) - (a.cpuPercent ?? -1));
    case 'memory':
      return rows.toSorted((a, b) => (b.rssBytes ?? -1) - (a.rssBytes ?? -1));
    case 'restarts':
      return rows.toSorted((a, b) => b.restarts - a.restarts);
    default:
      return order satisfies never;
  }
}

/** The lines that the pane is about, oldest first: those that its filter lets through. */
export function filteredLines({ lines, filter }: LogPane): readonly ShownLine[] {
  if (filter === '') return lines;
  const pattern = filterPattern(filter);
  return lines.filter(({ text, instance }) => pattern.test(text) || pattern.test(instance));
}

/** What is no regular expression is looked for as it stands. */
export function filterPattern(filter: string): RegExp {
  try {
    return new RegExp(filter, 'i');
  } catch {
    return new RegExp(filter.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'i');
  }
}
