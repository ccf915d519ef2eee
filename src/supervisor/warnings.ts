import { monotonic } from '../adapters/clock.ts';
import type { NewEvent } from '../core/events.ts';

const WINDOW_MS = 60_000;
/** A minute's worth; what goes beyond is the same trouble again. */
const MOST = 60;

/** Says warnings, but not so many that a trouble which feeds on its own warnings would grow. */
export class Warnings {
  readonly #say: (event: NewEvent) => void;
  /** When those of the last minute were said. */
  readonly #said: number[] = [];

  constructor(say: (event: NewEvent) => void) {
    this.#say = say;
  }

  readonly warn = (message: string): void => {
    const at = monotonic();
    while (this.#said[0] !== undefined && this.#said[0] < at - WINDOW_MS) this.#said.shift();
    if (this.#said.length >= MOST) return;
    this.#said.push(at);
    this.#say({ type: 'warning', organ: null, instance: null, message, data: {} });
  };
}
