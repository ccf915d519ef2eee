import type { Database } from 'better-sqlite3';
import type { EventType, SystemEvent } from '../../core/events.ts';
import type { JsonObject } from '../../core/json.ts';
import type { EventFilter } from './rows.ts';

const DEFAULT_LIMIT = 10_000;

interface StoredEvent {
  readonly id: number;
  readonly ts: string;
  readonly boot_id: string;
  readonly type: EventType;
  readonly organ: string | null;
  readonly instance: string | null;
  readonly message: string;
  readonly data: string;
}

/** The events that the filter asks for, oldest first. Throws what SQLite says. */
export function queryEvents(db: Database, filter: EventFilter): SystemEvent[] {
  const where: string[] = [];
  const values: (string | number)[] = [];
  const restrict = (condition: string, value: string | number | undefined) => {
    if (value === undefined) return;
    where.push(condition);
    values.push(value);
  };
  restrict('id > ?', filter.sinceId);
  restrict('ts >= ?', filter.sinceTs);
  restrict('organ = ?', filter.organ);
  restrict('type = ?', filter.type);
  const order = filter.sinceId === undefined ? 'desc' : 'asc';
  const sql = `select * from event ${where.length ? `where ${where.join(' and ')}` : ''} order by id ${order} limit ?`;
  const rows = db.prepare<(string | number)[], StoredEvent>(sql).all(...values, filter.limit ?? DEFAULT_LIMIT);
  const events = rows.map(({ boot_id, data, ...rest }) => ({ ...rest, bootId: boot_id, data: parse(data) }));
  return order === 'desc' ? events.reverse() : events;
}

/** The same question to events in memory, put behind those that were stored before them. */
export function withRecent(
  stored: readonly SystemEvent[],
  recent: readonly SystemEvent[],
  filter: EventFilter,
): SystemEvent[] {
  const wanted = recent.filter(
    (event) =>
      (filter.sinceId === undefined || event.id > filter.sinceId) &&
      (filter.sinceTs === undefined || event.ts >= filter.sinceTs) &&
      (filter.organ === undefined || event.organ === filter.organ) &&
      (filter.type === undefined || event.type === filter.type),
  );
  const all = [...stored, ...wanted];
  const limit = filter.limit ?? DEFAULT_LIMIT;
  if (all.length <= limit) return all;
  return filter.sinceId === undefined ? all.slice(-limit || all.length) : all.slice(0, limit);
}

function parse(data: string): JsonObject {
  try {
    return JSON.parse(data) as JsonObject;
  } catch {
    // A row that somebody edited by hand must not hide the other events.
    return {};
  }
}
