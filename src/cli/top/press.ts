import type { Key } from './keys.ts';
import { listLength, pageOf, type Size } from './layout.ts';
import { filteredLines, type Order, orderedRows, type TopState, type Verb } from './state.ts';

/** What a key has the program do beyond changing what is shown. */
export type Action =
  | { readonly kind: 'quit' }
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'redraw' }
  | { readonly kind: 'act'; readonly verb: Verb; readonly instance: string }
  /** Read logs anew: those of one instance, or all. */
  | { readonly kind: 'follow'; readonly only: string | null }
  | { readonly kind: 'read-graph' };

export type Pressed = readonly [state: TopState, action: Action | null];

const ORDERS: readonly Order[] = ['file', 'cpu', 'memory', 'restarts'];

/** What comes of a key. The size is that of the terminal: it says how far a page goes. */
export function press(state: TopState, key: Key, size: Size): Pressed {
  if (key === 'ctrl-c') return [state, { kind: 'interrupt' }];
  if (key === 'ctrl-z') return [state, { kind: 'suspend' }];
  if (key === 'ctrl-l') return [state, { kind: 'redraw' }];
  if (state.prompt?.kind === 'filter') return [typeFilter(state, state.prompt.text, key), null];
  if (state.prompt?.kind === 'confirm') return confirm(state, key);
  return command({ ...state, notice: null }, key, size);
}

function command(state: TopState, key: Key, size: Size): Pressed {
  const move = movement(key, pageOf(state, size));
  if (move !== null) return [moved(state, move), null];
  switch (key) {
    case 'q':
      return [state, { kind: 'quit' }];
    case 's':
      return state.selected === null
        ? [state, null]
        : [state, { kind: 'act', verb: 'start', instance: state.selected }];
    case 'x':
      return [asked(state, 'stop'), null];
    case 'r':
      return [asked(state, 'restart'), null];
    case 'enter':
      return follow(state);
    case 'f':
      return [followed(state), null];
    case 'w':
      return [{ ...state, logs: { ...state.logs, wrap: !state.logs.wrap } }, null];
    case '/':
      return [{ ...state, prompt: { kind: 'filter', text: state.logs.filter } }, null];
    case 'escape':
      return [escaped(state), null];
    case 'tab':
      return [{ ...state, focus: state.focus === 'list' && state.layout !== 'list' ? 'logs' : 'list' }, null];
    case 'l':
      return [relaid(state), null];
    case 'o':
      return [{ ...state, order: ORDERS[(ORDERS.indexOf(state.order) + 1) % ORDERS.length]! }, null];
    case 'g':
      return viewed(state, 'graph');
    case '?':
      return viewed(state, 'help');
    default:
      return [state, null];
  }
}

/** Lines up (negative) or down; null: not a key that moves. */
function movement(key: Key, page: number): number | null {
  switch (key) {
    case 'up':
    case 'k':
      return -1;
    case 'down':
    case 'j':
      return 1;
    case 'pageup':
      return -page;
    case 'pagedown':
    case ' ':
      return page;
    case 'home':
      return Number.NEGATIVE_INFINITY;
    case 'end':
      return Number.POSITIVE_INFINITY;
    default:
      return null;
  }
}

function moved(state: TopState, by: number): TopState {
  if (state.focus === 'logs' && state.view !== 'help') return scrolledLogs(state, by);
  if (state.view !== 'table') return { ...state, scrolled: clamp(state.scrolled + by, listLength(state) - 1) };
  const rows = orderedRows(state);
  const at = rows.findIndex(({ instance }) => instance === state.selected);
  return { ...state, selected: rows[clamp(at + by, rows.length - 1)]?.instance ?? null };
}

/** Down to the latest line, it follows again. */
function scrolledLogs(state: TopState, by: number): TopState {
  const lines = filteredLines(state.logs);
  const last = lines.length - 1;
  const { anchor } = state.logs;
  const at = anchor === null ? last : lines.findLastIndex(({ number }) => number <= anchor);
  const to = clamp(at + by, last);
  return { ...state, logs: { ...state.logs, anchor: to >= last ? null : lines[to]!.number } };
}

const clamp = (value: number, last: number): number => Math.max(0, Math.min(value, last));

/** Stopping takes others along: it wants a second key. */
const asked = (state: TopState, verb: Verb): TopState =>
  state.selected === null ? state : { ...state, prompt: { kind: 'confirm', verb, instance: state.selected } };

function confirm(state: TopState, key: Key): Pressed {
  if (state.prompt?.kind !== 'confirm') return [state, null];
  const { verb, instance } = state.prompt;
  const answered = { ...state, prompt: null };
  return key === 'y' || key === 'Y' || key === 'enter' ? [answered, { kind: 'act', verb, instance }] : [answered, null];
}

/** The selected instance's logs alone; those of all when that is what is shown already. */
function follow(state: TopState): Pressed {
  const only = state.logs.only === state.selected ? null : state.selected;
  const logs = { ...state.logs, only, lines: [], anchor: null };
  const layout = state.layout === 'list' ? 'split' : state.layout;
  return [
    { ...state, layout, logs },
    { kind: 'follow', only },
  ];
}

function followed(state: TopState): TopState {
  const { anchor } = state.logs;
  return {
    ...state,
    logs: { ...state.logs, anchor: anchor === null ? (filteredLines(state.logs).at(-1)?.number ?? 0) : null },
  };
}

/** One thing at a time, the latest first. */
function escaped(state: TopState): TopState {
  if (state.view !== 'table') return { ...state, view: 'table', scrolled: 0 };
  if (state.logs.filter !== '') return { ...state, logs: { ...state.logs, filter: '', anchor: null } };
  return { ...state, layout: 'split', focus: 'list', logs: { ...state.logs, anchor: null } };
}

function relaid(state: TopState): TopState {
  const layout = state.layout === 'split' ? 'logs' : state.layout === 'logs' ? 'list' : 'split';
  return { ...state, layout, focus: layout === 'logs' ? 'logs' : 'list' };
}

function viewed(state: TopState, view: 'graph' | 'help'): Pressed {
  const layout = state.layout === 'logs' ? 'split' : state.layout;
  const next = { ...state, view: state.view === view ? ('table' as const) : view, scrolled: 0, layout };
  return [{ ...next, focus: 'list' }, next.view === 'graph' ? { kind: 'read-graph' } : null];
}

/** The lines change while it is typed. */
function typeFilter(state: TopState, text: string, key: Key): TopState {
  const typed = (filter: string): TopState => ({
    ...state,
    prompt: { kind: 'filter', text: filter },
    logs: { ...state.logs, filter, anchor: null },
  });
  switch (key) {
    case 'enter':
      return { ...state, prompt: null };
    case 'escape':
      return { ...typed(''), prompt: null };
    case 'backspace':
      return typed([...text].slice(0, -1).join(''));
    case 'ctrl-u':
      return typed('');
    default:
      return [...key].length === 1 ? typed(text + key) : state;
  }
}
