import { table } from './table.ts';
import { oneLine } from './text.ts';

/** The rows of a query in the form that was asked for, piece by piece, newlines included. */
export function rowsAs(
  format: 'table' | 'json' | 'csv',
  columns: readonly string[],
  rows: Iterable<readonly unknown[]>,
): Iterable<string> {
  switch (format) {
    case 'table':
      return asTable(columns, rows);
    case 'json':
      return asJson(columns, rows);
    case 'csv':
      return asCsv(columns, rows);
  }
}

function* asTable(columns: readonly string[], rows: Iterable<readonly unknown[]>): Generator<string> {
  const all = [...rows];
  const shown = columns.map((title, index) => ({
    title,
    cell: (row: readonly unknown[]) => oneLine(asText(row[index])),
    ...(all.every((row) => row[index] === null || typeof row[index] === 'number') && { align: 'right' as const }),
  }));
  for (const line of table(shown, all, Number.POSITIVE_INFINITY) ?? []) yield `${line}\n`;
  if (all.length === 0) yield '(no rows)\n';
}

/** One document, though it is written row by row. */
function* asJson(columns: readonly string[], rows: Iterable<readonly unknown[]>): Generator<string> {
  let lead = '[';
  for (const row of rows) {
    yield `${lead}\n  ${JSON.stringify(Object.fromEntries(columns.map((name, index) => [name, asJsonValue(row[index])])))}`;
    lead = ',';
  }
  yield lead === '[' ? '[]\n' : '\n]\n';
}

/** RFC 4180, but with newlines as this system writes them. */
function* asCsv(columns: readonly string[], rows: Iterable<readonly unknown[]>): Generator<string> {
  yield `${columns.map(csvField).join(',')}\n`;
  for (const row of rows) yield `${row.map((value) => csvField(asText(value))).join(',')}\n`;
}

const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Bytes are shown in hexadecimal. */
const asJsonValue = (value: unknown): unknown => (value instanceof Uint8Array ? asText(value) : value);

function asText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
}
