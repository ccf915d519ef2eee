import { HELP } from './help.ts';
import { orderedRows, type TopState } from './state.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** How many rows of the screen each part gets. A line about the system stands above, and one about keys below. */
export interface Layout {
  /** Rows of the table, the graph or the help, without the heading. */
  readonly list: number;
  readonly listHeading: boolean;
  /** The selected instance in full. */
  readonly detail: boolean;
  /** Log lines, without the heading. */
  readonly logs: number;
  readonly logsHeading: boolean;
}

/** Less than this is not worth its heading. */
const FEWEST_LOG_ROWS = 3;

export function layoutOf(state: TopState, { rows }: Size): Layout {
  const free = Math.max(0, rows - 2);
  if (state.view === 'help') return { list: free, listHeading: false, detail: false, logs: 0, logsHeading: false };
  if (state.layout === 'logs') {
    return { list: 0, listHeading: false, detail: false, logs: Math.max(0, free - 1), logsHeading: free > 0 };
  }
  const length = listLength(state);
  // Headings of both, and the detail.
  const both = free - 3;
  const list = Math.min(length, Math.max(3, Math.ceil(both / 2)));
  if (state.layout === 'split' && both - list >= FEWEST_LOG_ROWS) {
    return { list, listHeading: true, detail: true, logs: both - list, logsHeading: true };
  }
  return { list: Math.max(0, free - 2), listHeading: free > 0, detail: free > 1, logs: 0, logsHeading: false };
}

/** Of all that the list could show. */
export function listLength(state: TopState): number {
  switch (state.view) {
    case 'table':
      return orderedRows(state).length;
    case 'graph':
      return state.graph === null ? 1 : graphLength(state.graph.organs);
    case 'help':
      return HELP.length;
    default:
      return state.view satisfies never;
  }
}

/** An organ whom nobody needs is a line, and so is every need; but what was opened before is not opened again. */
const graphLength = (
  organs: readonly { readonly organ: string; readonly dependsOn: readonly { organ: string }[] }[],
): number => {
  const needed = new Set(organs.flatMap(({ dependsOn }) => dependsOn.map(({ organ }) => organ)));
  return (
    organs.filter(({ organ }) => !needed.has(organ)).length +
    organs.reduce((sum, { dependsOn }) => sum + dependsOn.length, 0)
  );
};

/** How far Page Up and Page Down go. */
export function pageOf(state: TopState, size: Size): number {
  const { list, logs } = layoutOf(state, size);
  return Math.max(1, (state.focus === 'logs' ? logs : list) - 1);
}
