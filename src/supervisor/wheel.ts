import { hash32 } from '../core/hash.ts';
/**
 * When each instance is to be probed: one timer for all of them, the next that is due first.
 *
 * - Steady probes of one period are spread over it by the hash of their keys, so that a thousand of them are a trickle and
 *   not a burst, and each keeps its place in the period for ever.
 * - While an organ starts, it is asked at growing intervals (`STARTING`), so that boot is as fast as the organ.
 * - A probe that is still running is not started again; what came due meanwhile is one probe, not several. So it is after azora
 *   was stopped for a while, and then they are let out a few at a time.
 */

/** The monotonic clock and its timer; milliseconds. `setTimer` answers with what cancels it. */
export interface Timers {
  now(): number;
  setTimer(run: () => void, inMs: number): () => void;
}

export interface Schedule {
  readonly intervalMs: number;
  /** The first time; without it the key's own place in the period, or one interval when that grows. */
  readonly firstInMs?: number;
  /** After each probe the interval grows by `factor`, up to `maxMs`, and counts from the end of that probe. */
  readonly growth?: { readonly factor: number; readonly maxMs: number };
}

/** How an organ is asked while it starts. */
export const STARTING: Schedule = { intervalMs: 50, growth: { factor: 1.5, maxMs: 1000 } };

/** What is overdue is let out this many at a time… */
const BATCH = 16;
/** …with this pause in between. */
const BATCH_PAUSE_MS = 5;

interface Entry {
  readonly key: string;
  readonly schedule: Schedule;
  readonly fire: () => unknown;
  intervalMs: number;
  dueAt: number;
}

export class Wheel {
  readonly #timers: Timers;
  readonly #entries = new Map<string, Entry>();
  /** A binary heap by `dueAt`; entries that were removed meanwhile are dropped when they come up. */
  readonly #heap: Entry[] = [];
  #cancel: (() => void) | null = null;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * From now on `fire` is called for `key`; a schedule that it had is replaced. `fire` may return a promise: until that has
   * settled it is not called again.
   */
  add(key: string, schedule: Schedule, fire: () => unknown): void {
    const entry: Entry = { key, schedule, fire, intervalMs: schedule.intervalMs, dueAt: 0 };
    const now = this.#timers.now();
    entry.dueAt = schedule.firstInMs === undefined ? this.#dueAfter(entry, now) : now + schedule.firstInMs;
    this.#entries.set(key, entry);
    this.#push(entry);
    this.#arm();
  }

  remove(key: string): void {
    this.#entries.delete(key);
    if (this.#heap.length > 64 && this.#heap.length > 4 * this.#entries.size) this.#compact();
    if (this.#entries.size === 0) this.#arm();
  }

  #dueAfter(entry: Entry, now: number): number {
    const { intervalMs, schedule } = entry;
    if (schedule.growth) return now + intervalMs;
    const place = hash32(entry.key) % intervalMs;
    return Math.floor((now - place) / intervalMs + 1) * intervalMs + place;
  }

  #turn(): void {
    const now = this.#timers.now();
    for (let fired = 0; fired < BATCH; ) {
      const entry = this.#heap[0];
      if (!entry || entry.dueAt > now) break;
      this.#pop();
      if (this.#entries.get(entry.key) !== entry) continue; // removed or replaced
      fired++;
      const pending = entry.fire();
      if (pending instanceof Promise) {
        void pending.finally(() => {
          this.#schedule(entry);
          this.#arm();
        });
      } else {
        this.#schedule(entry);
      }
    }
    this.#arm(now + BATCH_PAUSE_MS);
  }

  #schedule(entry: Entry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    const { growth } = entry.schedule;
    if (growth) entry.intervalMs = Math.min(entry.intervalMs * growth.factor, growth.maxMs);
    entry.dueAt = this.#dueAfter(entry, this.#timers.now());
    this.#push(entry);
  }

  /** Sets the timer for what is due next, but for no earlier than `notBefore`. */
  #arm(notBefore = 0): void {
    const first = this.#entries.size === 0 ? undefined : this.#heap[0];
    const at = first ? Math.max(first.dueAt, notBefore) : Number.POSITIVE_INFINITY;
    if (this.#cancel && at === this.#armedFor) return;
    this.#cancel?.();
    this.#cancel = null;
    this.#armedFor = at;
    if (!first) return;
    this.#cancel = this.#timers.setTimer(
      () => {
        this.#cancel = null;
        this.#turn();
      },
      Math.max(0, at - this.#timers.now()),
    );
  }

  #compact(): void {
    const live = this.#heap.filter((entry) => this.#entries.get(entry.key) === entry);
    this.#heap.length = 0;
    for (const entry of live) this.#push(entry);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.dueAt <= entry.dueAt) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.dueAt < heap[child]!.dueAt) child++;
      if (heap[child]!.dueAt >= last.dueAt) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
