import { type AutoscaleMemory, autoscale, NOTHING_SEEN } from '../core/autoscale.ts';
import type { OrganConfig } from '../core/config/model.ts';
import { instancesOf } from '../core/machine/relations.ts';
import { lifeOf, type SystemState } from '../core/machine/state.ts';

/** Looks at what instances use, and acts where the file sets a limit or a target: memory is watched, numbers follow the load. */

export interface ResourceMeans {
  readonly state: () => SystemState;
  readonly usageOf: (
    instance: string,
    pid: number,
  ) => { readonly cpuPercent: number | null; readonly rssBytes: number | null };
  readonly onExceeded: (instance: string, generation: number, message: string) => void;
  readonly onScale: (organ: string, replicas: number, why: string) => void;
}

const LOOK_EVERY_MS = 5_000;
const MIB = 1024 * 1024;

export class Resources {
  readonly #means: ResourceMeans;
  readonly #memories = new Map<string, AutoscaleMemory>();
  #timer: NodeJS.Timeout | null = null;

  constructor(means: ResourceMeans) {
    this.#means = means;
  }

  /** Looks from now on if any organ of the configuration has a limit or a target; otherwise costs nothing. */
  follow({ config }: SystemState): void {
    const needed = Object.values(config.organs).some(
      (organ) => organ.resources.memory !== null || organ.autoscale !== null,
    );
    if (needed === (this.#timer !== null)) return;
    this.stop();
    if (needed) this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    const state = this.#means.state();
    if (state.boot.phase !== 'ready' && state.boot.phase !== 'booting') return;
    for (const organ of Object.values(state.config.organs)) {
      if (organ.resources.memory !== null) this.#lookAtMemory(state, organ, organ.resources.memory);
      if (organ.autoscale !== null && state.boot.phase === 'ready') this.#lookAtLoad(state, organ, organ.autoscale);
    }
  }

  #lookAtMemory(state: SystemState, organ: OrganConfig, limit: number): void {
    for (const instance of instancesOf(state, organ.name)) {
      const life = lifeOf(instance);
      if (!life) continue;
      const { rssBytes } = this.#means.usageOf(instance.name, life.pid);
      if (rssBytes === null || rssBytes <= limit) continue;
      const message = `it uses ${Math.round(rssBytes / MIB)} MiB of memory, more than its ${Math.round(limit / MIB)} MiB (resources.memory)`;
      this.#means.onExceeded(instance.name, life.generation, message);
    }
  }

  #lookAtLoad(state: SystemState, organ: OrganConfig, rule: NonNullable<OrganConfig['autoscale']>): void {
    const loads = instancesOf(state, organ.name).flatMap((instance) => {
      const life = lifeOf(instance);
      const cpu =
        life && instance.state.tag === 'ready' ? this.#means.usageOf(instance.name, life.pid).cpuPercent : null;
      return cpu === null ? [] : [cpu];
    });
    // One that is starting, restarting or failed makes every average a guess.
    if (loads.length < organ.replicas) return;
    const average = loads.reduce((sum, load) => sum + load, 0) / loads.length;
    const next = autoscale(rule, organ.replicas, average, this.#memories.get(organ.name) ?? NOTHING_SEEN);
    this.#memories.set(organ.name, next.memory);
    if (next.replicas !== organ.replicas) {
      const why = `its ${organ.replicas} instances use ${Math.round(average)} % of a core each, the target is ${rule.cpu} %`;
      this.#means.onScale(organ.name, next.replicas, why);
    }
  }
}
