import { once } from 'node:events';
import { openReadOnly } from '../../adapters/sqlite/reader.ts';
import { EXIT } from '../../core/failures.ts';
import { rowsAs } from '../render/rows.ts';

/** One query, as it is handed from the command to the process that carries it out. */
export interface QueryOrder {
  readonly database: string;
  readonly sql: string;
  readonly format: 'table' | 'json' | 'csv';
}

/**
 * The process that carries out a query: prints the rows and ends with 0. What is wrong with the query is said on stderr and ends with
 * `EXIT.usage`; that there is nothing to ask, with `EXIT.notRunning`.
 */
export async function runQueryProcess([order = '']: readonly string[]): Promise<void> {
  const { database, sql, format } = JSON.parse(order) as QueryOrder;
  const reading = openReadOnly({ database });
  if (reading.kind !== 'open') return endWith(EXIT.notRunning, reading.why);
  process.stdout.on('error', () => process.exit(0)); // whoever asked has left
  try {
    const { columns, rows } = reading.reader.query(sql);
    for (const text of rowsAs(format, columns, rows)) {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain');
    }
  } catch (error) {
    return endWith(EXIT.usage, refusal(error as Error));
  }
  reading.reader.close();
}

/** What SQLite, or its binding, has against a query, as a sentence. */
function refusal(error: Error): string {
  if (/more than one statement/.test(error.message)) return 'only one statement can be asked at a time';
  if (/contains no statements/.test(error.message)) return 'the query is empty';
  if (error instanceof RangeError) return `${error.message}: the history is not to be changed`;
  if ('code' in error && String(error.code).startsWith('SQLITE_READONLY')) {
    return 'only a query that reads can be asked: the history is not to be changed';
  }
  return `SQLite does not take the query: ${error.message}`;
}

function endWith(code: number, message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = code;
}
