export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** Colours a cell after it has been given its width. */
  readonly paint?: (text: string, row: Row) => string;
  readonly align?: 'right';
  /** What goes first when the terminal is narrow: the highest number first; without one the column stays. */
  readonly drop?: number;
}

const GAP = '  ';

/**
 * Lines of a table that is at most `width` wide, for which the columns that matter least go; null when what has to stay is
 * wider. Nothing is ever cut, and an infinite width keeps all. Columns without any content are left out.
 */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string[] | null {
  let shown = columns
    .map((column) => ({ column, cells: rows.map(column.cell) }))
    .filter(({ cells }) => rows.length === 0 || cells.some((cell) => cell !== ''))
    .map((shownColumn) => ({ ...shownColumn, wide: widest([shownColumn.column.title, ...shownColumn.cells]) }));
  const total = (): number => shown.reduce((sum, { wide }) => sum + wide, GAP.length * (shown.length - 1));
  while (total() > width) {
    const victim = shown.filter(({ column }) => column.drop).sort((a, b) => b.column.drop! - a.column.drop!)[0];
    if (!victim) return null;
    shown = shown.filter((each) => each !== victim);
  }

  const line = (texts: readonly string[], row: Row | null): string =>
    shown
      .map(({ column, wide }, index) => {
        const text = texts[index] ?? '';
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

/** In UTF-16 units, as `padEnd` counts. */
const widest = (texts: readonly string[]): number => texts.reduce((most, text) => Math.max(most, text.length), 0);
