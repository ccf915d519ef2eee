import type { NewEvent } from '../events.ts';
import type { Phase } from '../status.ts';
import type { Instant } from '../time.ts';
import type { Effect } from './effects.ts';
import { Instances } from './instances.ts';
import { transitiveDependents } from './relations.ts';
import type { Boot, Instance, SystemState } from './state.ts';
import type { Context, Turn } from './turn.ts';
import { statusOf } from './verdict.ts';

/** The state while one input is worked on. Lives within one call of `step`, which stays pure. */
export class Draft {
  system: SystemState;
  readonly effects: Effect[] = [];
  /** Instances that are not what they were. */
  readonly changed = new Set<string>();
  readonly at: Instant;
  readonly #random: number;
  #instances: Instances | null = null;

  constructor(system: SystemState, at: Instant, random: number) {
    this.system = system;
    this.at = at;
    this.#random = random;
  }

  turn(name: string, change: (instance: Instance, context: Context) => Turn): void {
    const instance = this.system.instances.get(name);
    if (!instance) return;
    const { config } = this.system;
    const next = change(instance, {
      organ: config.organs[instance.organ]!,
      at: this.at,
      random: this.#random,
      stopTimeoutMs: this.system.boot.stopTimeoutMs,
      blocks: () => {
        const waiting = new Set<string>();
        for (const each of this.system.instances.values()) if (each.state.tag === 'waiting') waiting.add(each.organ);
        const { wanted } = this.system.boot;
        return transitiveDependents(config, instance.organ).filter((organ) => wanted.has(organ) && waiting.has(organ));
      },
    });
    if (next.instance !== instance) this.replace(next.instance);
    this.effects.push(...next.effects);
  }

  replace(instance: Instance): void {
    if (!this.#instances || this.#instances !== this.system.instances) {
      this.#instances = Instances.copyOf(this.system.instances);
      this.system = { ...this.system, instances: this.#instances };
    }
    this.#instances.set(instance);
    this.changed.add(instance.name);
  }

  each(change: (instance: Instance, context: Context) => Turn): void {
    for (const name of [...this.system.instances.keys()]) this.turn(name, change);
  }

  boot(change: Partial<Boot>): void {
    this.system = { ...this.system, boot: { ...this.system.boot, ...change } };
  }

  phase(phase: Phase): void {
    this.boot({ phase });
  }

  /** Nothing starts any more. */
  stopping(phase: 'stopping' | 'emergency'): void {
    this.boot({ phase, statusAtStop: statusOf(this.system) });
  }

  progress({ boot, effects }: { boot: Boot; effects: readonly Effect[] }): void {
    if (boot !== this.system.boot) this.system = { ...this.system, boot };
    this.effects.push(...effects);
  }

  warn(organ: string, instance: string, message: string, data: NewEvent['data']): void {
    this.effects.push({ type: 'emit', event: { type: 'warning', organ, instance, message, data } });
  }

  emit(type: NewEvent['type'], message: string, data: NewEvent['data']): void {
    this.effects.push({ type: 'emit', event: { type, organ: null, instance: null, message, data } });
  }
}

/** It stays as it is. */
export const keep = (instance: Instance): Turn => ({ instance, effects: [] });
