import { failpoint } from '../adapters/failpoint.ts';
import type { NewEvent } from '../core/events.ts';
import type { Effect } from '../core/machine/effects.ts';
import type { SystemInput } from '../core/machine/inputs.ts';
import type { SystemState } from '../core/machine/state.ts';
import { step } from '../core/machine/step.ts';
import type { Instant } from '../core/time.ts';

/**
 * Queue → step → effects. The only mutable state of the supervisor: what happens is put into the queue, one input after the
 * other is turned into a new state and effects by the pure core, and the effects are carried out before the next input.
 */

export interface World {
  readonly now: () => Instant;
  /** In [0, 1). */
  readonly random: () => number;
  /** Carries one effect out. What it leads to comes back through `dispatch`, now or later. */
  readonly perform: (effect: Effect, state: SystemState) => void;
  /** The boot has got further, or something else is run: keep that before anything is done about it, or a next supervisor would not know. */
  readonly commit: (state: SystemState) => void;
  /** After a batch of inputs: what was before it, what is now. */
  readonly changed: (before: SystemState, now: SystemState) => void;
}

interface Waiter {
  readonly look: (state: SystemState) => boolean;
}

export class Supervisor {
  readonly #world: World;
  readonly #queue: SystemInput[] = [];
  readonly #waiters = new Set<Waiter>();
  #state: SystemState;
  #working = false;

  constructor(initial: SystemState, world: World) {
    this.#state = initial;
    this.#world = world;
  }

  get state(): SystemState {
    return this.#state;
  }

  /** Puts an input into the queue, and works it off unless that is being done already. */
  dispatch(...inputs: readonly SystemInput[]): void {
    this.#queue.push(...inputs);
    if (this.#working) return;
    this.#working = true;
    const before = this.#state;
    try {
      for (let input = this.#queue.shift(); input; input = this.#queue.shift()) {
        const { state, effects } = step(this.#state, { input, at: this.#world.now(), random: this.#world.random() });
        const { boot, config } = this.#state;
        this.#state = state;
        this.#perform(effects.filter(isTold), state);
        if (state.boot !== boot || state.config !== config) this.#world.commit(state);
        failpoint('supervisor:before-effects');
        this.#perform(
          effects.filter((effect) => !isTold(effect)),
          state,
        );
        failpoint('supervisor:after-effects');
      }
    } finally {
      this.#working = false;
    }
    this.#onChanged(before);
  }

  /** Takes another state for true, of which it was found that it is. */
  replace(state: SystemState): void {
    const before = this.#state;
    this.#state = state;
    this.#onChanged(before);
  }

  #onChanged(before: SystemState): void {
    this.#world.changed(before, this.#state);
    failpoint('supervisor:recorded');
    for (const waiter of [...this.#waiters]) if (waiter.look(this.#state)) this.#waiters.delete(waiter);
  }

  #perform(effects: readonly Effect[], state: SystemState): void {
    for (const effect of effects) this.#world.perform(effect, state);
  }

  /** Says something in the history that is not a decision of the core. */
  say(event: NewEvent): void {
    this.#world.perform({ type: 'emit', event }, this.#state);
  }

  /** Resolves with the first state of which `holds` is true, now or later; `false` after `timeoutMs`. */
  until(holds: (state: SystemState) => boolean, timeoutMs: number | null): Promise<boolean> {
    if (holds(this.#state)) return Promise.resolve(true);
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | null = null;
      const waiter: Waiter = {
        look: (state) => {
          if (!holds(state)) return false;
          if (timer) clearTimeout(timer);
          resolve(true);
          return true;
        },
      };
      this.#waiters.add(waiter);
      if (timeoutMs !== null) {
        timer = setTimeout(() => {
          this.#waiters.delete(waiter);
          resolve(false);
        }, timeoutMs);
      }
    });
  }
}

/** What is written down only, and goes into the same transaction as what it tells of. */
const isTold = ({ type }: Effect): boolean => type === 'emit' || type === 'latch';
