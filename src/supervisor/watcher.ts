import { AwakeClock } from '../adapters/awake-clock.ts';
import { runProbe } from '../adapters/probes/index.ts';
import type { HealthConfig } from '../core/config/model.ts';
import type { Endpoint } from '../core/config/references.ts';
import type { Observation } from '../core/health.ts';
import type { CheckPlace } from './checks.ts';
import { filled } from './launch.ts';
import { type Schedule, STARTING, type Timers, Wheel } from './wheel.ts';

/** Asks instances how they are: often while they start, at their interval afterwards; and notices when no answer comes at all. */

export interface Watched {
  readonly instance: string;
  readonly health: HealthConfig;
  readonly endpoint: Endpoint | undefined;
  readonly place: CheckPlace;
  /** What a probe found; not called any more once `unwatch` was. */
  readonly onObservation: (observation: Observation) => void;
  /** No probe has come to an end for `forMs`, which is more than two intervals and a timeout; said once for each silence. */
  readonly onUnheard: (forMs: number) => void;
}

interface Silence {
  readonly watched: Watched;
  /** On the clock of the awake; null: it has been told of. */
  since: number | null;
}

/** How often silences are looked at: finer than the shortest interval that makes sense. */
const LOOK: Schedule = { intervalMs: 1000 };
/** A look that comes later than this was held up by azora's standing still: whoever was to be asked has not been. */
const LATE_LOOK_MS = 1.25 * LOOK.intervalMs;
/** A name that no instance has. */
const LOOK_KEY = '(silence)';

export class Watcher {
  readonly #wheel: Wheel;
  readonly #clock: AwakeClock;
  readonly #now: () => number;
  #lookedAt = 0;
  readonly #probe: typeof runProbe;
  readonly #aborts = new Map<string, AbortController>();
  /** Of those that are monitored. */
  readonly #silences = new Map<string, Silence>();

  constructor(timers: Timers, probe = runProbe) {
    this.#wheel = new Wheel(timers);
    this.#now = () => timers.now();
    this.#clock = new AwakeClock(this.#now);
    this.#probe = probe;
  }

  /** Until it is ready. */
  awaitReady(watched: Watched): void {
    this.#watch(watched, STARTING);
  }

  /** From now on, at its interval and its own place within it. */
  monitor(watched: Watched): void {
    this.#watch(watched, { intervalMs: watched.health.intervalMs });
    if (this.#silences.size === 0) {
      this.#lookedAt = this.#now();
      this.#wheel.add(LOOK_KEY, LOOK, () => this.#lookForSilence());
    }
    this.#silences.set(watched.instance, { watched, since: this.#clock.read() });
  }

  unwatch(instance: string): void {
    this.#wheel.remove(instance);
    this.#aborts.get(instance)?.abort();
    this.#aborts.delete(instance);
    if (this.#silences.delete(instance) && this.#silences.size === 0) this.#wheel.remove(LOOK_KEY);
  }

  #watch(watched: Watched, schedule: Schedule): void {
    this.unwatch(watched.instance);
    const abort = new AbortController();
    this.#aborts.set(watched.instance, abort);
    const { health, endpoint, place } = watched;
    const probe = filled(health.probe, place.endpointOf);
    this.#wheel.add(watched.instance, schedule, async () => {
      const target = { endpoint: endpoint ?? null, cwd: place.cwd, env: place.env };
      const seen = await this.#probe(probe, health.expect, target, health.timeoutMs, abort.signal);
      if (abort.signal.aborted) return;
      // Nobody was asked, so nobody is judged; when it goes on like that, the silence is.
      if (seen.verdict === 'fail' && seen.unasked) return;
      const silence = this.#silences.get(watched.instance);
      if (silence) silence.since = this.#clock.read();
      watched.onObservation(seen);
    });
  }

  /** A probe has a deadline of its own; one that outlives it, or is never begun, is azora's own trouble, and said all the same. */
  #lookForSilence(): void {
    const now = this.#clock.read();
    const isLate = this.#now() - this.#lookedAt > LATE_LOOK_MS;
    this.#lookedAt = this.#now();
    for (const silence of this.#silences.values()) {
      if (silence.since === null) continue;
      // After a pause patience begins anew: even the little that the clock counts of it may be more than a short interval.
      if (isLate) silence.since = now;
      const { health, onUnheard } = silence.watched;
      const forMs = now - silence.since;
      if (forMs <= 2 * health.intervalMs + health.timeoutMs) continue;
      silence.since = null;
      onUnheard(forMs);
    }
  }
}
