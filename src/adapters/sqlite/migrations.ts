import type { Database } from 'better-sqlite3';

/** "azor", in the header of every database of azora. */
export const APPLICATION_ID = 0x617a6f72;

/**
 * Each entry takes the schema from its index to the next number (`user_version`). Entries are never changed once released.
 *
 * Tables are named in the singular and may change; the views in the plural are what users query, and stay. History tables are
 * append-only and have no secondary index: an index on (instance, time) stalled writers up to 51 ms, without one it is 1 ms.
 */
const MIGRATIONS: readonly string[] = [
  `
  create table meta (key text primary key, value text not null) without rowid;
  create table fact (key text primary key, value text not null) without rowid;
  create table desired_state (organ text primary key, desired text not null) without rowid;

  create table boot (
    boot_id text primary key, name text, file text, config_hash text, started_at text, ended_at text, how text
  );
  create table organ (
    organ text primary key, position integer, category text, kind text, critical integer, desired text, config text
  );
  create table instance (
    instance text primary key, organ text, replica integer, state text, health text, reason text, pid integer,
    started_at text, restarts integer, errors integer, exit_code integer, exit_signal text, exit_at text,
    ports text, url text
  );
  create table health_latest (
    instance text primary key, health text, checked_at text, latency_ms real, message text
  ) without rowid;

  create table health_log (instance text, health text, checked_at text, latency_ms real, message text);
  create table event (
    id integer primary key, ts text, boot_id text, type text, organ text, instance text, message text, data text
  );
  create table exit (instance text, code integer, signal text, at text, cause text);
  -- An exit that is told again by the keeper's journal is the same exit.
  create unique index exit_once on exit (instance, at);
  create table check_run (
    boot_id text, name text, organ text, passed integer, duration_ms real, message text, at text
  );
  create table metric (instance text, name text, value real, at text);

  create view organs as
    select o.organ, category, kind, critical, coalesce(d.desired, o.desired) as desired, config
    from organ o left join desired_state d on d.organ = o.organ order by position;
  create view instances as
    select organ, instance, replica, state, health, reason, pid, started_at, restarts, errors, exit_code, exit_signal,
      (select value from json_each(ports) limit 1) as port
    from instance order by organ, replica;
  create view health as select instance, health, checked_at, latency_ms, message from health_latest order by instance;
  create view health_history as select instance, health, checked_at, latency_ms, message from health_log;
  create view events as select id, ts, boot_id, type, organ, instance, message, data from event;
  create view boots as select boot_id, name, file, config_hash, started_at, ended_at, how from boot;
  create view exits as select instance, code, signal, at, cause from exit;
  create view checks as select boot_id, name, organ, passed, duration_ms, message, at from check_run;
  create view metrics as select instance, name, value, at from metric;
  `,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings the schema up to date, one transaction per step. What SQLite throws passes through. */
export function migrate(db: Database): void {
  let version = db.pragma('user_version', { simple: true }) as number;
  for (; version < SCHEMA_VERSION; version++) {
    const step = MIGRATIONS[version] as string;
    db.transaction(() => {
      db.exec(step);
      db.pragma(`application_id = ${APPLICATION_ID}`);
      db.pragma(`user_version = ${version + 1}`);
    }).immediate();
  }
}
