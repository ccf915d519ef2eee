import type { EventBody } from '../kit/index.ts';
import type { Appended, EventLog } from './log.ts';

interface Waiting {
  readonly topic: string;
  readonly events: readonly EventBody[];
  resolve(appended: Appended[]): void;
  reject(error: unknown): void;
}

/** Commits what arrives at the same time together: one sync of the disk for all of it. */
export class Publisher {
  readonly #log: EventLog;
  readonly #onCommit: () => void;
  #waiting: Waiting[] = [];

  /** `onCommit` is called after each commit, before the publishers are answered. */
  constructor(log: EventLog, onCommit: () => void) {
    this.#log = log;
    this.#onCommit = onCommit;
  }

  /** Resolves once the events are on disk. What one publisher does wrong does not touch the others. */
  publish(topic: string, events: readonly EventBody[]): Promise<Appended[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ topic, events, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#commit());
    });
  }

  #commit(): void {
    const all = this.#waiting;
    this.#waiting = [];
    try {
      const outcomes = this.#log.appendAll(all);
      this.#onCommit();
      for (const [i, outcome] of outcomes.entries()) {
        if ('error' in outcome) all[i]!.reject(outcome.error);
        else all[i]!.resolve(outcome.appended);
      }
    } catch (error) {
      for (const { reject } of all) reject(error);
    }
  }
}
