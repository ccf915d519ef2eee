import type { Database, Statement } from 'better-sqlite3';
import type { Pending } from './pending.ts';
import { troubleOf } from './trouble.ts';

type Value = string | number | null;
type Write = readonly [statement: Statement<Value[]>, ...values: Value[]];

/** Puts what is pending into the tables: one transaction, all or nothing. */
export class Writer {
  readonly #db: Database;
  readonly #sql;

  constructor(db: Database) {
    this.#db = db;
    const prepare = (sql: string) => db.prepare<Value[]>(sql);
    this.#sql = {
      boot: prepare('insert or replace into boot values (?, ?, ?, ?, ?, ?, ?)'),
      bootEnd: prepare('update boot set ended_at = ?, how = ? where boot_id = ?'),
      clearOrgans: prepare('delete from organ'),
      organ: prepare('insert or replace into organ values (?, ?, ?, ?, ?, ?, ?)'),
      keepInstances: prepare('delete from instance where organ not in (select organ from organ)'),
      instance: prepare('insert or replace into instance values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'),
      removeInstance: prepare('delete from instance where instance = ?'),
      keepHealth: prepare('delete from health_latest where instance not in (select instance from instance)'),
      health: prepare(
        `insert into health_latest values (?, ?, ?, ?, ?) on conflict do update set health = excluded.health,
         checked_at = excluded.checked_at, latency_ms = excluded.latency_ms, message = excluded.message`,
      ),
      desired: prepare('insert or replace into desired_state values (?, ?)'),
      clearDesired: prepare('delete from desired_state where organ = ?'),
      fact: prepare('insert or replace into fact values (?, ?)'),
      forget: prepare('delete from fact where key = ?'),
      event: prepare('insert or replace into event values (?, ?, ?, ?, ?, ?, ?, ?)'),
      healthLog: prepare('insert into health_log values (?, ?, ?, ?, ?)'),
      exit: prepare('insert or ignore into exit values (?, ?, ?, ?, ?)'),
      check: prepare('insert into check_run values (?, ?, ?, ?, ?, ?, ?)'),
      metric: prepare('insert into metric values (?, ?, ?, ?)'),
    };
  }

  /**
   * Writes everything or throws what SQLite says; nothing is half written. A row that SQLite would never take is a bug of
   * ours: it must not hold up the rest for ever, so it alone is left out. Returns what was left out, as sentences.
   * @param toDisk wait until the disk has it, so that it survives a power failure too.
   */
  write(pending: Pending, toDisk: boolean): readonly string[] {
    if (toDisk) this.#db.pragma('synchronous = full');
    try {
      this.#db
        .transaction(() => {
          for (const write of this.#writes(pending)) run(write);
        })
        .immediate();
      return [];
    } catch (error) {
      if (troubleOf(error) !== 'bug') throw error;
      return this.#writeWhatCanBe(pending);
    } finally {
      if (toDisk) this.#db.pragma('synchronous = normal');
    }
  }

  #writeWhatCanBe(pending: Pending): string[] {
    const refused: string[] = [];
    this.#db
      .transaction(() => {
        for (const write of this.#writes(pending)) {
          try {
            run(write);
          } catch (error) {
            if (troubleOf(error) !== 'bug') throw error;
            refused.push(
              `the database refused ${JSON.stringify(write.slice(1)).slice(0, 200)}: ${(error as Error).message}`,
            );
          }
        }
      })
      .immediate();
    return refused;
  }

  *#writes(pending: Pending): Generator<Write> {
    const sql = this.#sql;
    for (const b of pending.boots.values()) {
      yield [sql.boot, b.bootId, b.name, b.file, b.configHash, b.startedAt, b.endedAt, b.how];
    }
    for (const [bootId, { endedAt, how }] of pending.bootEnds) yield [sql.bootEnd, endedAt, how, bootId];
    if (pending.organs) {
      yield [sql.clearOrgans];
      for (const [at, o] of pending.organs.entries()) {
        yield [sql.organ, o.organ, at, o.category, o.kind, Number(o.critical), o.desired, o.config];
      }
      yield [sql.keepInstances];
    }
    for (const [name, i] of pending.instances) {
      if (!i) {
        yield [sql.removeInstance, name];
        continue;
      }
      yield [
        sql.instance,
        ...[i.instance, i.organ, i.replica, i.state, i.health, i.reason, i.pid, i.startedAt, i.restarts, i.errors],
        ...[i.exit?.code ?? null, i.exit?.signal ?? null, i.exit?.at ?? null, JSON.stringify(i.ports), i.url],
      ];
    }
    for (const h of pending.health.values()) {
      yield [sql.health, h.instance, h.health, h.checkedAt, h.latencyMs, h.message];
    }
    if (pending.organs || [...pending.instances.values()].includes(null)) yield [sql.keepHealth];
    for (const [organ, desired] of pending.desired) {
      yield desired ? [sql.desired, organ, desired] : [sql.clearDesired, organ];
    }
    for (const [key, value] of pending.facts) yield value === null ? [sql.forget, key] : [sql.fact, key, value];

    for (const e of pending.events) {
      yield [sql.event, e.id, e.ts, e.bootId, e.type, e.organ, e.instance, e.message, JSON.stringify(e.data)];
    }
    for (const h of pending.healthLog) {
      yield [sql.healthLog, h.instance, h.health, h.checkedAt, h.latencyMs, h.message];
    }
    for (const e of pending.exits) yield [sql.exit, e.instance, e.code, e.signal, e.at, e.cause];
    for (const c of pending.checks) {
      yield [sql.check, c.bootId, c.name, c.organ, Number(c.passed), c.durationMs, c.message, c.at];
    }
    for (const m of pending.metrics) yield [sql.metric, m.instance, m.name, m.value, m.at];
  }
}

function run([statement, ...values]: Write): void {
  statement.run(...values);
}
