import { fit } from './text.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** Colours a cell after it has been given its width. */
  readonly paint?: (text: string, row: Row) => string;
  readonly align?: 'right';
  /** What goes first when the terminal is narrow: the highest number; without one the column stays. */
  readonly drop?: number;
  /** May be cut, down to this width; only one column should. */
  readonly shrinkTo?: number;
}

const GAP = '  ';

/**
 * Lines of a table that is at most `width` wide: columns that matter least go, then the one that may shrink is cut. An infinite
 * width keeps all of everything. Columns without any content are left out.
 */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string[] {
  let shown = columns
    .map((column) => ({ column, cells: rows.map(column.cell) }))
    .filter(({ cells }) => rows.length === 0 || cells.some((cell) => cell !== ''))
    .map((shownColumn) => ({ ...shownColumn, wide: widest([shownColumn.column.title, ...shownColumn.cells]) }));
  const total = (): number => shown.reduce((sum, { wide }) => sum + wide, GAP.length * (shown.length - 1));
  const least = (): number =>
    total() - shown.reduce((sum, { column, wide }) => sum + Math.max(0, wide - (column.shrinkTo ?? wide)), 0);

  while (least() > width) {
    const victim = shown.filter(({ column }) => column.drop).sort((a, b) => b.column.drop! - a.column.drop!)[0];
    if (!victim) break;
    shown = shown.filter((each) => each !== victim);
  }
  shown = shown.map((each) => {
    const excess = total() - width;
    const { shrinkTo } = each.column;
    return shrinkTo === undefined || excess <= 0 ? each : { ...each, wide: Math.max(shrinkTo, each.wide - excess) };
  });

  const line = (texts: readonly string[], row: Row | null): string =>
    shown
      .map(({ column, wide }, index) => {
        const text = fit(texts[index] ?? '', wide);
        const last = index === shown.length - 1;
        const padded = column.align === 'right' ? text.padStart(wide) : last ? text : text.padEnd(wide);
        return row !== null && column.paint ? column.paint(padded, row) : padded;
      })
      .join(GAP)
      .trimEnd();
  return [
    line(
      shown.map(({ column }) => column.title),
      null,
    ),
    ...rows.map((row, at) =>
      line(
        shown.map(({ cells }) => cells[at]!),
        row,
      ),
    ),
  ];
}

const widest = (texts: readonly string[]): number => Math.max(...texts.map((text) => [...text].length));
