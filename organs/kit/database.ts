import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Sqlite from 'better-sqlite3';

export type Database = Sqlite.Database;

/** Where an organ keeps what it must not lose: `$AZORA_STATE_DIR/data/<organ>`, created 0700. */
export function dataFolder(organ: string, env: NodeJS.ProcessEnv = process.env): string {
  const folder = join(resolve(env.AZORA_STATE_DIR ?? '.azora'), 'data', env.AZORA_ORGAN ?? organ);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/**
 * Opens `<folder>/<name>.db` in WAL and brings its schema up to date. `migrations` only ever grows: each entry runs once,
 * in order, and the count is kept in `user_version`. Throws when the file was written by a newer version.
 */
export function openDatabase(folder: string, name: string, migrations: readonly string[]): Database {
  const path = join(folder, `${name}.db`);
  const db = new Sqlite(path);
  db.pragma('busy_timeout = 5000');
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = NORMAL');
  db.pragma('foreign_keys = ON');
  const migrate = db.transaction(() => {
    const version = db.pragma('user_version', { simple: true }) as number;
    if (version > migrations.length) {
      throw new Error(`${path} has schema ${version}, newer than this program's ${migrations.length}`);
    }
    for (const sql of migrations.slice(version)) db.exec(sql);
    db.pragma(`user_version = ${migrations.length}`);
  });
  migrate.immediate();
  return db;
}
