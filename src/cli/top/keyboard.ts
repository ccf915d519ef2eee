import { StringDecoder } from 'node:string_decoder';
import { decodeKeys, type Key } from './keys.ts';

/** Keys, one by one and unseen, from open to close. */
export class Keyboard {
  readonly #stdin: NodeJS.ReadStream;
  readonly #decoder = new StringDecoder('utf8');
  readonly #onKey: (key: Key) => void;
  readonly #onData = (chunk: Buffer): void => {
    for (const key of decodeKeys(this.#decoder.write(chunk))) this.#onKey(key);
  };

  constructor(stdin: NodeJS.ReadStream, onKey: (key: Key) => void) {
    this.#stdin = stdin;
    this.#onKey = onKey;
  }

  open(): void {
    this.#stdin.setRawMode(true);
    this.#stdin.on('data', this.#onData).resume();
  }

  close(): void {
    this.#stdin.off('data', this.#onData).pause();
    this.#stdin.setRawMode(false);
  }
}
