import type { Timers } from '../../src/supervisor/wheel.ts';

/** Time that passes only when told to, with the timers that are set in it. */
export class VirtualTime implements Timers {
  #now = 1_000_000;
  readonly #timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  setTimer(run: () => void, inMs: number): () => void {
    const timer = { at: this.#now + inMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Lets time pass; timers run at their own moments, and promises settle in between. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
      await settled();
    }
    this.#now = end;
    await settled();
  }

  /** Time in which nobody was awake to see it pass. */
  async sleepThrough(ms: number): Promise<void> {
    this.#now += ms;
    await this.pass(0);
  }
}

export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}
