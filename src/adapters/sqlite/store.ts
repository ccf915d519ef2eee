import type { SystemEvent } from '../../core/events.ts';
import type { Json } from '../../core/json.ts';
import type { Desired, InstanceStatus } from '../../core/status.ts';
import { queryEvents, withRecent } from './history.ts';
import { Recorder, type RecorderOptions } from './recorder.ts';
import type { Retention } from './retention.ts';
import type {
  BootRow,
  BootStart,
  CheckRow,
  Durable,
  EventFilter,
  ExitRow,
  HealthRow,
  MetricRow,
  OrganRow,
} from './rows.ts';

/**
 * The record of what happens. Memory is the authority: every call succeeds at once, writes are gathered and go to SQLite in
 * one transaction, and while the disk cannot take them they wait in memory, bounded. Nothing that the disk does is thrown.
 *
 * Writes reach the file within 50 ms (at a first boot 200, see `rest`) and then survive a kill -9 of this process. Those marked *durable* are on disk when the
 * call returns, so that they survive a power failure too; they answer false while that is impossible, and then hold for the
 * life of this process and are written when the disk is back.
 */
export class Store {
  /** What the user should know about how the database was found. */
  readonly notes: readonly string[];

  readonly #recorder: Recorder;
  /** What memory knows besides histories: enough to begin a lost database anew. */
  readonly #desired: Map<string, Desired>;
  readonly #facts: Map<string, string>;
  readonly #instances = new Map<string, InstanceStatus>();
  readonly #health = new Map<string, HealthRow>();
  #organs: readonly OrganRow[] | null = null;
  #boot: BootRow | null = null;
  #lastEventId: number;

  constructor(path: string, options: RecorderOptions) {
    this.#recorder = new Recorder(path, options, ({ durable }) => this.#fillIn(durable));
    const { db, notes, durable } = this.#recorder.open();
    this.notes = notes;
    this.#desired = new Map(durable.desired);
    this.#facts = new Map(durable.facts);
    this.#lastEventId = durable.lastEventId;
    // Rebuilt: what was saved from the damaged one belongs into the new one before anything else.
    if (db && notes.length > 0) {
      this.#fillIn(durable);
      this.#recorder.flush({ durable: true });
    }
  }

  /** Whether the last attempt to write reached the file. */
  get isWritable(): boolean {
    return this.#recorder.isWritable;
  }

  recordBoot(boot: BootStart): void {
    this.#boot = { ...boot, endedAt: null, how: null };
    this.#recorder.pending.boots.set(boot.bootId, this.#boot);
    this.#recorder.soon();
  }

  /** Written on return, and as durable as `close` makes it. The boot may have been recorded by an earlier supervisor. `how`: in a few words, for people. */
  endBoot(bootId: string, at: string, how: string): boolean {
    if (this.#boot?.bootId === bootId) this.#boot = { ...this.#boot, endedAt: at, how };
    this.#recorder.pending.bootEnds.set(bootId, { endedAt: at, how });
    return this.flush();
  }

  /** The whole list; instances and latest health of organs that are not in it are removed. */
  saveOrgans(organs: readonly OrganRow[]): void {
    this.#organs = organs;
    this.#recorder.pending.organs = organs;
    const names = new Set(organs.map(({ organ }) => organ));
    for (const [name, { organ }] of this.#instances) if (!names.has(organ)) this.removeInstance(name);
    this.#recorder.soon();
  }

  /** The organs as they were saved last, by this supervisor or an earlier one: each one's `config`, the JSON of an `OrganRecord`. */
  organs(): ReadonlyMap<string, string> {
    const sql = 'select organ, config from organ order by position';
    const rows = this.#recorder.read((db) => db.prepare<[], { organ: string; config: string }>(sql).all(), []);
    return new Map(rows.map(({ organ, config }) => [organ, config]));
  }

  /** Inserts or replaces these; hand over only those that changed. */
  saveInstances(rows: readonly InstanceStatus[]): void {
    for (const row of rows) {
      this.#instances.set(row.instance, row);
      this.#recorder.pending.instances.set(row.instance, row);
    }
    this.#recorder.soon();
  }

  /** For an instance that is not declared any more. */
  removeInstance(instance: string): void {
    this.#instances.delete(instance);
    this.#health.delete(instance);
    this.#recorder.pending.health.delete(instance);
    this.#recorder.pending.instances.set(instance, null);
    this.#recorder.soon();
  }

  /** Their ids must grow; see `lastEventId`. */
  appendEvents(events: readonly SystemEvent[]): void {
    this.#lastEventId = Math.max(this.#lastEventId, events.at(-1)?.id ?? 0);
    this.#append(this.#recorder.pending.events, events);
  }

  /** The highest id there ever was, across boots; 0 before the first event. */
  get lastEventId(): number {
    return this.#lastEventId;
  }

  /** Oldest first; includes what is not yet on disk. */
  events(filter: EventFilter = {}): SystemEvent[] {
    const stored = this.#recorder.read((db) => queryEvents(db, filter), []);
    return withRecent(stored, this.#recorder.pending.events, filter);
  }

  /** Each row is the instance's latest health from now on, and one line of its history. */
  recordHealth(rows: readonly HealthRow[]): void {
    for (const row of rows) {
      this.#health.set(row.instance, row);
      this.#recorder.pending.health.set(row.instance, row);
    }
    this.#append(this.#recorder.pending.healthLog, rows);
  }

  /** An exit of the same instance at the same time is recorded once, however often it is told. */
  recordExits(rows: readonly ExitRow[]): void {
    this.#append(this.#recorder.pending.exits, rows);
  }

  recordCheck(row: CheckRow): void {
    this.#append(this.#recorder.pending.checks, [row]);
  }

  recordMetrics(rows: readonly MetricRow[]): void {
    this.#append(this.#recorder.pending.metrics, rows);
  }

  /** Durable. What a user wants of an organ until it is cleared with null; outlives boots. */
  setDesired(organ: string, desired: Desired | null): boolean {
    if (desired) this.#desired.set(organ, desired);
    else this.#desired.delete(organ);
    this.#recorder.pending.desired.set(organ, desired);
    return this.flush({ durable: true });
  }

  /** Durable, all in one. */
  clearDesired(): boolean {
    if (this.#desired.size === 0) return true;
    for (const organ of this.#desired.keys()) this.#recorder.pending.desired.set(organ, null);
    this.#desired.clear();
    return this.flush({ durable: true });
  }

  desired(): ReadonlyMap<string, Desired> {
    return this.#desired;
  }

  /** A small fact under a key such as `port:mint`; null forgets it. On disk on return only with `durable`. */
  remember(key: string, value: Json, { durable = false } = {}): boolean {
    const text = value === null ? null : JSON.stringify(value);
    if (text === null) this.#facts.delete(key);
    else this.#facts.set(key, text);
    this.#recorder.pending.facts.set(key, text);
    if (durable) return this.flush({ durable });
    this.#recorder.soon();
    return true;
  }

  /** What was remembered under the key, null when nothing was. */
  recall(key: string): Json {
    const text = this.#facts.get(key);
    if (text === undefined) return null;
    try {
      return JSON.parse(text) as Json;
    } catch {
      // Written by somebody else's hand: as good as never written.
      return null;
    }
  }

  /**
   * Looks for damage in one more of the tables that were not looked at when the database was opened; true = call again, there is
   * more. A damaged database is replaced as it would be if a statement had failed.
   */
  examine(): boolean {
    return this.#recorder.examine();
  }

  /** Deletes old history, for some 20 ms at most; true = call again soon, there is more. Lays the ballast if it is gone. */
  retain(limits: Retention): boolean {
    return this.#recorder.retain(limits);
  }

  /** Something is going to be added when it is gathered: have that done as soon as if it were pending. */
  soon(): void {
    this.#recorder.soon();
  }

  /** For so long, ms, nothing is written by itself: there is more urgent work. What `flush` is asked for is. */
  rest(ms: number): void {
    this.#recorder.rest(ms);
  }

  /** Writes what is pending, now. False: it could not, and will be tried again by itself. */
  flush(how: { durable?: boolean } = {}): boolean {
    return this.#recorder.flush(how);
  }

  /** Writes what is left, waiting up to a second for another's lock, and closes the file. False: something was lost. */
  close(): boolean {
    return this.#recorder.close();
  }

  #append<Row>(list: Row[], rows: readonly Row[]): void {
    this.#recorder.pending.append(list, rows);
    this.#recorder.soon();
  }

  /** Makes a database that was just opened and this memory agree; memory wins where both know. */
  #fillIn({ desired, facts, lastEventId }: Durable): void {
    const { pending } = this.#recorder;
    for (const [organ, value] of desired) {
      if (!this.#desired.has(organ) && !pending.desired.has(organ)) this.#desired.set(organ, value);
    }
    for (const [key, value] of facts) {
      if (!this.#facts.has(key) && !pending.facts.has(key)) this.#facts.set(key, value);
    }
    this.#lastEventId = Math.max(this.#lastEventId, lastEventId);
    if (this.#boot) pending.boots.set(this.#boot.bootId, this.#boot);
    pending.organs ??= this.#organs;
    for (const [name, row] of this.#instances) pending.instances.set(name, row);
    for (const [name, row] of this.#health) pending.health.set(name, row);
    for (const [organ, value] of this.#desired) pending.desired.set(organ, value);
    for (const [key, value] of this.#facts) pending.facts.set(key, value);
  }
}

/** Opens the record of a system at `folder.database`; see `Store`. Never throws for the state of the disk. */
export function openStore(folder: { readonly database: string }, options: RecorderOptions): Store {
  return new Store(folder.database, options);
}
