import { Cron } from 'croner';
import type { SystemConfig } from '../core/config/model.ts';

/** Starts scheduled tasks when their time has come. The expressions are croner's: five fields, or six with seconds in front. */

export interface ScheduleMeans {
  /** The time of `organ` has come. `missed` = how many times before it went by unseen (suspended, stopped). */
  readonly onDue: (organ: string, missed: number) => void;
}

/** A time that was seen this late is one that went by. */
const LATE_MS = 60_000;

export class Schedules {
  readonly #means: ScheduleMeans;
  readonly #jobs = new Map<string, { readonly pattern: string; readonly job: Cron }>();

  constructor(means: ScheduleMeans) {
    this.#means = means;
  }

  /** Follows a configuration; what has the same schedule as before goes on undisturbed. */
  follow(config: SystemConfig): void {
    for (const [name, { pattern, job }] of this.#jobs) {
      if (config.organs[name]?.schedule === pattern) continue;
      job.stop();
      this.#jobs.delete(name);
    }
    for (const { name, schedule } of Object.values(config.organs)) {
      if (schedule !== null && !this.#jobs.has(name))
        this.#jobs.set(name, { pattern: schedule, job: this.#begin(name, schedule) });
    }
  }

  #begin(organ: string, pattern: string): Cron {
    let expected: Date | null = null;
    const job = new Cron(pattern, { unref: true, catch: false }, () => {
      const now = Date.now();
      this.#means.onDue(organ, expected ? missedBetween(pattern, expected, now) : 0);
      expected = job.nextRun();
    });
    expected = job.nextRun();
    return job;
  }

  /** When an organ runs next; null when it has no schedule. */
  nextRun(organ: string): Date | null {
    return this.#jobs.get(organ)?.job.nextRun() ?? null;
  }

  stop(): void {
    for (const { job } of this.#jobs.values()) job.stop();
    this.#jobs.clear();
  }
}

/** How many times of a schedule lie between the one that was expected and now, the present one aside. */
function missedBetween(pattern: string, expected: Date, now: number): number {
  if (now - expected.getTime() < LATE_MS) return 0;
  const cron = new Cron(pattern, { paused: true });
  let missed = 0;
  for (let at: Date | null = expected; at && at.getTime() < now - 1000 && missed < 10_000; at = cron.nextRun(at))
    missed++;
  return missed;
}
