import type { Instance, SystemState } from '../core/machine/state.ts';
import { lifeOf } from '../core/machine/state.ts';
import type { LifeKey } from '../keeper/protocol.ts';

/**
 * Lives that are over: their trees are gone and their ends worked off. Once that is on record the keeper may forget them; until
 * then it must not, or a next supervisor would take them for alive.
 */
export class Over {
  #lives: LifeKey[] = [];

  get any(): boolean {
    return this.#lives.length > 0;
  }

  /** To be told of every change. */
  onChanged(before: SystemState, after: SystemState): void {
    if (before.instances === after.instances) return;
    for (const instance of after.instances.values()) {
      const was = before.instances.get(instance.name);
      if (was && was !== instance) this.#compare(was, instance);
    }
  }

  /** Lives that the keeper knows and that are no longer, or never were, those of this system. */
  add(lives: readonly LifeKey[]): void {
    this.#lives.push(...lives);
  }

  /** All of them, once. */
  take(): LifeKey[] {
    const lives = this.#lives;
    this.#lives = [];
    return lives;
  }

  #compare(was: Instance, is: Instance): void {
    const life = lifeOf(was);
    if (life && lifeOf(is)?.generation !== life.generation) {
      this.#lives.push({ instance: was.name, generation: life.generation });
    }
  }
}
