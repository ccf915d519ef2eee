import { now } from '../adapters/clock.ts';
import { type AutoscaleMemory, autoscale, NOTHING_SEEN } from '../core/autoscale.ts';
import type { OrganConfig } from '../core/config/model.ts';
import { instancesOf } from '../core/machine/relations.ts';
import { type Instance, lifeOf, type SystemState } from '../core/machine/state.ts';
import type { LimitName } from './limits.ts';
import { TreeLoad } from './tree-load.ts';

/**
 * Looks at what instances use, and acts where the file sets a target or a limit that the kernel does not hold: whoever uses more
 * memory than it may is restarted; whoever uses more processor is Degraded for as long, since slowing it down is the kernel's
 * alone to do and a restart mends nothing. Numbers follow the load.
 */

export interface ResourceMeans {
  readonly state: () => SystemState;
  readonly usageOf: (
    instance: string,
    pid: number,
  ) => { readonly cpuPercent: number | null; readonly rssBytes: number | null };
  /** The kernel does it. */
  readonly isHeld: (instance: Instance, limit: LimitName) => boolean;
  /** All processes of a life. */
  readonly treeOf: (life: { readonly instance: string; readonly generation: number }) => Promise<readonly number[]>;
  readonly onExceeded: (instance: string, generation: number, message: string) => void;
  /** null: it keeps to its limit again. */
  readonly onStrained: (instance: string, generation: number, reason: string | null) => void;
  readonly onScale: (organ: string, replicas: number, why: string) => void;
}

const LOOK_EVERY_MS = 5_000;
const MIB = 1024 * 1024;
/** Above its processor limit in so many looks in a row, and by so much more than a measurement may be wrong. */
const STRAINED_LOOKS = 2;
const TOLERANCE = 1.05;

export class Resources {
  readonly #means: ResourceMeans;
  readonly #memories = new Map<string, AutoscaleMemory>();
  readonly #load = new TreeLoad();
  /** Looks in a row above the processor limit, by instance. */
  readonly #above = new Map<string, { readonly generation: number; readonly looks: number }>();
  #timer: NodeJS.Timeout | null = null;

  constructor(means: ResourceMeans) {
    this.#means = means;
  }

  /** Looks from now on if any organ of the configuration has a limit or a target; otherwise costs nothing. */
  follow({ config }: SystemState): void {
    const needed = Object.values(config.organs).some(
      ({ resources, autoscale: target }) => resources.memory !== null || resources.cpu !== null || target !== null,
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
      if (organ.resources.memory !== null || organ.resources.cpu !== null) {
        for (const instance of instancesOf(state, organ.name)) void this.#lookAtLimits(instance, organ);
      }
      if (organ.autoscale !== null && state.boot.phase === 'ready') this.#lookAtLoad(state, organ, organ.autoscale);
    }
  }

  async #lookAtLimits(instance: Instance, { resources }: OrganConfig): Promise<void> {
    const watched = (name: LimitName): number | null => (this.#means.isHeld(instance, name) ? null : resources[name]);
    const memory = watched('memory');
    const cpu = watched('cpu');
    const life = lifeOf(instance);
    if (!life || (memory === null && cpu === null)) return;
    const key = { instance: instance.name, generation: life.generation };
    const pids = await this.#means.treeOf(key);
    const load = this.#load.of({ ...key, since: life.since.mono }, pids, now().mono);
    if (!load) return;
    if (memory !== null && load.memoryBytes > memory) {
      const message = `it uses ${Math.round(load.memoryBytes / MIB)} MiB of memory, more than its ${Math.round(memory / MIB)} MiB (resources.memory)`;
      this.#means.onExceeded(instance.name, life.generation, message);
    } else if (cpu !== null) this.#lookAtProcessor(key, load.cpuPercent, cpu);
  }

  #lookAtProcessor(key: { instance: string; generation: number }, percent: number, limit: number): void {
    const { instance, generation } = key;
    const before = this.#above.get(instance);
    const row = before?.generation === generation ? before.looks : 0;
    const looks = percent > limit * 100 * TOLERANCE ? row + 1 : 0;
    this.#above.set(instance, { generation, looks });
    if (looks >= STRAINED_LOOKS) {
      const reason = `it uses ${Math.round(percent)} % of a processor, more than its ${Math.round(limit * 100)} % (resources.cpu)`;
      this.#means.onStrained(instance, generation, reason);
    } else if (looks === 0 && row >= STRAINED_LOOKS) this.#means.onStrained(instance, generation, null);
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
