import {
  BASELINE_MINUTES,
  detect,
  type Finding,
  levelOf,
  type SecurityEvent,
  type ThreatLevel,
  WINDOW_MS,
} from './detectors.ts';

/** At most so many events are remembered; the oldest go first. */
const MOST_EVENTS = 20_000;

/** Remembers what happened lately, in memory, and says what it amounts to. */
export class Vigil {
  readonly #now: () => number;
  readonly #since: number;
  readonly #standing: readonly Finding[];
  readonly #perMinute = new Map<number, number>();
  #events: SecurityEvent[] = [];

  /** `standing` are findings that hold as long as this process lives. */
  constructor(standing: readonly Finding[], now: () => number) {
    this.#standing = standing;
    this.#now = now;
    this.#since = now();
  }

  /** Counts a request towards the usual rate. */
  countRequest(): void {
    const minute = Math.floor(this.#now() / 60_000);
    const count = this.#perMinute.get(minute);
    this.#perMinute.set(minute, (count ?? 0) + 1);
    if (count !== undefined) return;
    for (const known of this.#perMinute.keys()) {
      if (known < minute - BASELINE_MINUTES - 1) this.#perMinute.delete(known);
    }
  }

  record(event: Omit<SecurityEvent, 'at'>): void {
    this.#events.push({ ...event, at: this.#now() });
    if (this.#events.length > MOST_EVENTS) this.#events = this.#events.slice(-MOST_EVENTS / 2);
  }

  assess(): { readonly threatLevel: ThreatLevel; readonly findings: readonly Finding[] } {
    const now = this.#now();
    this.#events = this.#events.filter(({ at }) => at > now - WINDOW_MS);
    const observed = { events: this.#events, perMinute: this.#perMinute, since: this.#since, now };
    const findings = [...detect(observed), ...this.#standing];
    return { threatLevel: levelOf(findings), findings };
  }
}
