import type { SystemInput } from '../core/machine/inputs.ts';
import { instancesOf } from '../core/machine/relations.ts';
import type { SystemState } from '../core/machine/state.ts';
import { FileWatch } from './file-watch.ts';
import { type ResourceMeans, Resources } from './resources.ts';
import type { Schedules } from './schedules.ts';

/** What acts on the system by itself, as the configuration says: the clock, edited files, limits and loads. */

export interface AttendantMeans {
  readonly state: () => SystemState;
  readonly dispatch: (input: SystemInput) => void;
  readonly usageOf: ResourceMeans['usageOf'];
  readonly isHeld: ResourceMeans['isHeld'];
  readonly treeOf: ResourceMeans['treeOf'];
  readonly scale: (organ: string, replicas: number) => Promise<unknown>;
  readonly warn: (message: string) => void;
}

export class Attendants {
  readonly #means: AttendantMeans;
  readonly #watch: FileWatch;
  readonly #resources: Resources;
  #schedules: Promise<Schedules> | null = null;
  #followed: SystemState['config'] | null = null;

  constructor(means: AttendantMeans) {
    this.#means = means;
    this.#watch = new FileWatch({
      onChanged: (organ, file, count) => this.#restart(organ, file, count),
      onTrouble: means.warn,
    });
    this.#resources = new Resources({
      state: means.state,
      usageOf: means.usageOf,
      isHeld: means.isHeld,
      treeOf: means.treeOf,
      onExceeded: (instance, generation, message) =>
        means.dispatch({ type: 'instance', instance, input: { type: 'exceeded', generation, message } }),
      onStrained: (instance, generation, reason) =>
        means.dispatch({ type: 'instance', instance, input: { type: 'strained', generation, reason } }),
      onScale: (organ, replicas, why) => {
        means.warn(`${organ} is scaled to ${replicas}: ${why}`);
        means.scale(organ, replicas).catch((error: unknown) => {
          means.warn(`${organ} could not be scaled: ${error instanceof Error ? error.message : String(error)}`);
        });
      },
    });
  }

  /** Goes by this state's configuration from now on; cheap when it is the one of before. */
  follow(state: SystemState): void {
    const over = state.boot.phase === 'stopping' || state.boot.phase === 'emergency';
    if (over) {
      this.stop();
      return;
    }
    if (this.#followed === state.config) return;
    this.#followed = state.config;
    this.#watch.follow(state.config);
    this.#resources.follow(state);
    const scheduled = Object.values(state.config.organs).some((organ) => organ.schedule !== null);
    if (!scheduled && !this.#schedules) return;
    this.#schedules ??= import('./schedules.ts').then(
      ({ Schedules: Clock }) =>
        new Clock({ onDue: (organ, missed) => this.#means.dispatch({ type: 'due', organ, missed }) }),
    );
    void this.#schedules.then((schedules) => {
      if (this.#followed) schedules.follow(this.#followed);
    });
  }

  stop(): void {
    this.#followed = null;
    this.#watch.stop();
    this.#resources.stop();
    void this.#schedules?.then((schedules) => schedules.stop());
  }

  #restart(organ: string, file: string, count: number): void {
    const more = count > 1 ? ` and ${count - 1} more files` : '';
    const instances = instancesOf(this.#means.state(), organ)
      // What a user has stopped is not started by an edit.
      .filter((instance) => instance.desired === 'up')
      .map((instance) => instance.name);
    this.#means.dispatch({ type: 'act', verb: 'restart', instances, reason: `${file}${more} changed (watch)` });
  }
}
