import type { NewEvent, SystemEvent } from '../core/events.ts';
import { timestamp } from '../core/time.ts';

/** The system's history as it is made: numbers each event, keeps the latest at hand, hands each to whoever listens. */

/** Enough for the boot of a thousand organs; older ones are in the database. */
const KEPT = 20_000;
/** More than happens before a dying supervisor's last events would have been recorded. */
const UNRECORDED = 10_000;

export type Listener = (event: SystemEvent) => void;

export class History {
  readonly #record: (event: SystemEvent) => void;
  readonly #redact: <T>(value: T) => T;
  readonly #listeners = new Set<Listener>();
  #events: SystemEvent[] = [];
  #lastId: number;

  /**
   * @param lastId the number of the latest event ever recorded
   * @param record keeps an event for good
   * @param redact hides secrets in what an event says
   */
  constructor(lastId: number, record: (event: SystemEvent) => void, redact: <T>(value: T) => T) {
    this.#lastId = lastId;
    this.#record = record;
    this.#redact = redact;
  }

  /** Goes on from events that an earlier supervisor recorded; its latest may be lost, and their numbers are not given again. */
  restore(events: readonly SystemEvent[]): void {
    this.#events = [...events];
    this.#lastId += UNRECORDED;
  }

  get lastId(): number {
    return this.#lastId;
  }

  add(event: NewEvent, bootId: string, wall: number): SystemEvent {
    this.#lastId += 1;
    const message = this.#redact(event.message);
    const data = this.#redact(event.data);
    const numbered: SystemEvent = { id: this.#lastId, ts: timestamp(wall), bootId, ...event, message, data };
    this.#events.push(numbered);
    if (this.#events.length > KEPT * 1.25) this.#events = this.#events.slice(-KEPT);
    this.#record(numbered);
    for (const listener of this.#listeners) listener(numbered);
    return numbered;
  }

  /** The number of the oldest event at hand; one more than the last when there is none. */
  get firstKept(): number {
    return this.#events[0]?.id ?? this.#lastId + 1;
  }

  /** Those still at hand after event `since`. */
  after(since: number): SystemEvent[] {
    return this.#events.filter((event) => event.id > since);
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
