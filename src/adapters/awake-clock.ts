import { monotonic } from './clock.ts';

/** Longest time that may pass between two looks and still count. */
const LONGEST_STEP_MS = 2000;

/**
 * The clock by which silence is measured: of those who renew a lease, and of checks. It stands still while this process does (it is
 * paused, or the machine is suspended): what could not be heard then must not be held against anybody.
 */
export class AwakeClock {
  readonly #now: () => number;
  #lookedAt: number;
  #elapsedMs = 0;

  /** @param now milliseconds that never jump. */
  constructor(now: () => number = () => monotonic()) {
    this.#now = now;
    this.#lookedAt = now();
  }

  /** Milliseconds in which something could be heard. To be read at least every two seconds. */
  read(): number {
    const now = this.#now();
    this.#elapsedMs += Math.min(now - this.#lookedAt, LONGEST_STEP_MS);
    this.#lookedAt = now;
    return this.#elapsedMs;
  }
}
