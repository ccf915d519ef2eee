export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE audit (
     seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL UNIQUE, data TEXT, data_hash TEXT NOT NULL,
     previous_hash TEXT NOT NULL, hash TEXT NOT NULL
   ) STRICT;
   CREATE INDEX audit_by_kind ON audit (kind, seq);
   CREATE TABLE policies (id TEXT PRIMARY KEY, rule TEXT NOT NULL) STRICT;
   CREATE TABLE sanctions (address TEXT PRIMARY KEY, reason TEXT NOT NULL, since TEXT NOT NULL, by TEXT NOT NULL) STRICT;`,
];
