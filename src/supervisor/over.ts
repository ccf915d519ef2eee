import { Instances } from '../core/machine/instances.ts';
import type { Instance, SystemState } from '../core/machine/state.ts';
import { lifeOf } from '../core/machine/state.ts';
import type { LifeKey } from '../keeper/protocol.ts';

/** How long what is over is gathered, to be forgotten in one go. */
const FORGET_AFTER_MS = 1000;

/**
 * Lives that are over: their trees are gone and their ends worked off. Once that is on record the keeper may forget them; until
 * then it must not, or a next supervisor would take them for alive. While there are none, nothing wakes up.
 */
export class Over {
  readonly #forget: (lives: readonly LifeKey[]) => boolean;
  #lives: LifeKey[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** @param forget puts on record what there is and tells the keeper; false: not now, it is asked again */
  constructor(forget: (lives: readonly LifeKey[]) => boolean) {
    this.#forget = forget;
  }

  /** To be told of every change. */
  onChanged(before: SystemState, after: SystemState): void {
    for (const instance of Instances.changed(before.instances, after.instances)) {
      const was = before.instances.get(instance.name);
      if (was) this.#compare(was, instance);
    }
  }

  /** Lives that the keeper knows and that are no longer, or never were, those of this system. */
  add(lives: readonly LifeKey[]): void {
    this.#lives.push(...lives);
    if (this.#lives.length > 0) this.#timer ??= setTimeout(() => this.#elapsed(), FORGET_AFTER_MS).unref();
  }

  #elapsed(): void {
    this.#timer = null;
    const lives = this.#lives;
    this.#lives = [];
    if (!this.#forget(lives)) this.add(lives);
  }

  #compare(was: Instance, is: Instance): void {
    const life = lifeOf(was);
    if (life && lifeOf(is)?.generation !== life.generation) {
      this.add([{ instance: was.name, generation: life.generation }]);
    }
  }
}
