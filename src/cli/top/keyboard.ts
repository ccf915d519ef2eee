import { StringDecoder } from 'node:string_decoder';
import { decodeKeys, type Key } from './keys.ts';

/** Keys, one by one and unseen, from open to close. */
export class Keyboard {
  readonly #stdin: NodeJS.ReadStream;
  readonly #decoder = new StringDecoder('utf8');
  readonly #onKey: (key: Key) => void;
  readonly #onGone: () => void;
  readonly #onData = (chunk: Buffer): void => {
    for (const key of decodeKeys(this.#decoder.write(chunk))) this.#onKey(key);
  };

  /** @param onGone the terminal is no more */
  constructor(stdin: NodeJS.ReadStream, onKey: (key: Key) => void, onGone: () => void) {
    this.#stdin = stdin;
    this.#onKey = onKey;
    this.#onGone = onGone;
    // Stays to the end: giving a terminal back that has gone is an error as well.
    stdin.on('error', onGone);
  }

  open(): void {
    this.#stdin.setRawMode(true);
    this.#stdin.on('end', this.#onGone).on('data', this.#onData).resume();
  }

  close(): void {
    this.#stdin.off('end', this.#onGone).off('data', this.#onData).pause();
    this.#stdin.setRawMode(false);
  }
}
