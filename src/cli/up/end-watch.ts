import type { SystemEvent } from '../../core/events.ts';
import { EXIT } from '../../core/failures.ts';
import { exitCodeOf } from '../exit-code.ts';
import { asNumber, asText } from '../render/text.ts';

export interface EndRules {
  readonly abortOnFailure: boolean;
  /** --exit-code-from: the organ whose end is the end. */
  readonly exitCodeFrom: string | null;
}

export interface WantedEnd {
  readonly why: string;
  /** Of the organ, 0-255; 128 + signal's number where a signal ended it. */
  readonly code: number;
}

/** Finds in the stream of events when --abort-on-failure or --exit-code-from ends the system. */
export class EndWatch {
  readonly wanted: Promise<WantedEnd>;
  readonly #rules: EndRules;
  #exit = 0;
  #settle: (end: WantedEnd) => void = () => {};

  constructor(rules: EndRules) {
    this.#rules = rules;
    this.wanted = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  event({ type, organ, instance, data }: SystemEvent): void {
    const name = instance ?? organ ?? '';
    const isChosen = organ !== null && organ === this.#rules.exitCodeFrom;
    if (isChosen && type === 'organ-exited') this.#exit = exitCodeOf(asNumber(data.code), asText(data.signal));
    if (isChosen && (type === 'organ-completed' || type === 'organ-stopped')) {
      this.#settle({ why: `${name} has ended (--exit-code-from)`, code: this.#exit });
    }
    if (type === 'organ-failed') {
      // A failure without an exit of its own (not found, never ready) is still one.
      if (isChosen) this.#settle({ why: `${name} has failed (--exit-code-from)`, code: this.#exit || EXIT.failed });
      if (this.#rules.abortOnFailure)
        this.#settle({ why: `${name} has failed (--abort-on-failure)`, code: EXIT.failed });
    }
  }
}
