import { PROBE_TABLE } from '../kit/storage.ts';

export const migrations: readonly string[] = [
  `CREATE TABLE topics (name TEXT PRIMARY KEY, retention_ms INTEGER NOT NULL, created_at INTEGER NOT NULL) STRICT;
   CREATE TABLE partitions (
     topic TEXT NOT NULL REFERENCES topics, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
     PRIMARY KEY (topic, partition)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE events (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
     id TEXT NOT NULL, type TEXT NOT NULL, key TEXT, source TEXT NOT NULL, at INTEGER NOT NULL,
     received_at INTEGER NOT NULL, data TEXT NOT NULL
   ) STRICT;
   CREATE UNIQUE INDEX events_by_offset ON events (topic, partition, offset);
   CREATE UNIQUE INDEX events_by_id ON events (topic, id);
   CREATE INDEX events_by_age ON events (topic, received_at);
   CREATE TABLE groups (name TEXT PRIMARY KEY, used_at INTEGER NOT NULL) STRICT;
   CREATE TABLE commits (
     grp TEXT NOT NULL REFERENCES groups ON DELETE CASCADE, topic TEXT NOT NULL, partition INTEGER NOT NULL,
     offset INTEGER NOT NULL, PRIMARY KEY (grp, topic, partition)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE members (
     grp TEXT NOT NULL REFERENCES groups ON DELETE CASCADE, member TEXT NOT NULL, instance TEXT, topics TEXT NOT NULL,
     session_timeout_ms INTEGER NOT NULL, PRIMARY KEY (grp, member)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE owners (
     grp TEXT NOT NULL REFERENCES groups ON DELETE CASCADE, topic TEXT NOT NULL, partition INTEGER NOT NULL,
     member TEXT NOT NULL, PRIMARY KEY (grp, topic, partition)
   ) STRICT, WITHOUT ROWID;
   ${PROBE_TABLE}`,
];
