export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE tasks (
     id TEXT PRIMARY KEY, owner TEXT, goal TEXT NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL, planner TEXT, answer TEXT,
     reason TEXT, steps TEXT NOT NULL, created_at INTEGER NOT NULL, started_at INTEGER, ended_at INTEGER
   ) STRICT;
   CREATE INDEX tasks_by_status ON tasks (status, created_at);
   CREATE INDEX tasks_by_owner ON tasks (owner, created_at);`,
];
