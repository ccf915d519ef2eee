import { existsSync } from 'node:fs';
import type { Reader } from '../adapters/sqlite/reader.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { SystemEvent } from '../core/events.ts';
import { FailureError } from '../core/failures.ts';
import type { Connection } from './connection.ts';
import { findSupervisor } from './daemons.ts';

/** The history as commands read it: what the database holds, then what the supervisor has said since. */

const PAGE = 5_000;

export interface HistoryQuery {
  /** RFC 3339, inclusive. */
  readonly sinceTs?: string | undefined;
  /** Only after this event. */
  readonly sinceId?: number | undefined;
}

/** The record, for reading; null when there is none. `onTrouble` is told when there is one that cannot be read. */
export async function openRecord(folder: StateFolder, onTrouble: (why: string) => void): Promise<Reader | null> {
  if (!existsSync(folder.database)) return null;
  const { openReadOnly } = await import('../adapters/sqlite/reader.ts');
  const reading = openReadOnly(folder);
  if (reading.kind === 'open') return reading.reader;
  if (reading.kind === 'unreadable') onTrouble(reading.why);
  return null;
}

/** The stored events, oldest first, a page at a time. */
export function* storedEvents(reader: Reader, { sinceTs, sinceId = 0 }: HistoryQuery): Generator<SystemEvent[]> {
  for (let after = sinceId; ; ) {
    const page = reader.events({ sinceId: after, limit: PAGE, ...(sinceTs === undefined ? {} : { sinceTs }) });
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
    after = page.at(-1)!.id;
  }
}

/** What the supervisor still has at hand after an event: the last moments may not be in the database yet. */
export async function recentEvents(connection: Connection, sinceId: number): Promise<SystemEvent[]> {
  const events: SystemEvent[] = [];
  connection.onEvent((event) => events.push(event));
  const { lastId } = await connection.request('subscribe', { since: sinceId, types: null });
  return events.filter(({ id }) => id > sinceId && id <= lastId);
}

/**
 * The running supervisor, for a command that only wants to read: one that is there and does not answer is said and done without,
 * as the database can be read all the same.
 */
export async function supervisorIfItAnswers(
  folder: StateFolder,
  version: string,
  onTrouble: (why: string) => void,
): Promise<Connection | null> {
  try {
    return await findSupervisor(folder, version);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    onTrouble(`${error.failure.message}; what follows is from the database alone`);
    return null;
  }
}
