import { runProbe } from '../adapters/probes/index.ts';
import type { HealthConfig } from '../core/config/model.ts';
import type { Endpoint } from '../core/config/references.ts';
import type { Observation } from '../core/health.ts';
import type { CheckPlace } from './checks.ts';
import { filled } from './launch.ts';
import { STARTING, type Wheel } from './wheel.ts';

/** Asks instances how they are: often while they start, at their interval afterwards. */

export interface Watched {
  readonly instance: string;
  readonly health: HealthConfig;
  readonly endpoint: Endpoint | undefined;
  readonly place: CheckPlace;
  /** What a probe found; not called any more once `unwatch` was. */
  readonly onObservation: (observation: Observation) => void;
}

export class Watcher {
  readonly #wheel: Wheel;
  readonly #aborts = new Map<string, AbortController>();

  constructor(wheel: Wheel) {
    this.#wheel = wheel;
  }

  /** Until it is ready. */
  awaitReady(watched: Watched): void {
    this.#watch(watched, STARTING);
  }

  /** From now on, at its interval and its own place within it. */
  monitor(watched: Watched): void {
    this.#watch(watched, { intervalMs: watched.health.intervalMs });
  }

  unwatch(instance: string): void {
    this.#wheel.remove(instance);
    this.#aborts.get(instance)?.abort();
    this.#aborts.delete(instance);
  }

  #watch(watched: Watched, schedule: Parameters<Wheel['add']>[1]): void {
    this.unwatch(watched.instance);
    const abort = new AbortController();
    this.#aborts.set(watched.instance, abort);
    const { health, endpoint, place } = watched;
    const probe = filled(health.probe, place.endpointOf);
    this.#wheel.add(watched.instance, schedule, async () => {
      const target = { endpoint: endpoint ?? null, cwd: place.cwd, env: place.env };
      const seen = await runProbe(probe, health.expect, target, health.timeoutMs, abort.signal);
      if (!abort.signal.aborted) watched.onObservation(seen);
    });
  }
}
