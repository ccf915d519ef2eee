/** Longest time that may pass between two looks and still count. */
const LONGEST_STEP_MS = 2000;

/**
 * The clock by which leases run out. It stands still while this process does: heartbeats that could not be heard in a pause
 * must not be held against those who sent them.
 */
export class LeaseClock {
  readonly #now: () => number;
  #lookedAt: number;
  #elapsedMs = 0;

  /** @param now milliseconds that never jump. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#lookedAt = now();
  }

  /** Milliseconds in which heartbeats could be heard. To be read at least every two seconds. */
  read(): number {
    const now = this.#now();
    this.#elapsedMs += Math.min(now - this.#lookedAt, LONGEST_STEP_MS);
    this.#lookedAt = now;
    return this.#elapsedMs;
  }
}
