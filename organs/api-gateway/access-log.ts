import type { Exchange } from './exchange.ts';

/** Writing to a pipe waits for its reader, so lines are gathered for so long. */
const GATHER_MS = 50;
const GATHER_BYTES = 32 * 1024;

/** One JSON line for each request. */
export class AccessLog {
  readonly #write: (text: string) => void;
  #text = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  add({ startedAt, ...exchange }: Exchange): void {
    const ms = Math.round((performance.now() - startedAt) * 10) / 10;
    const said = Object.entries({ at: new Date().toISOString(), ...exchange, ms }).filter(
      ([, value]) => value !== null,
    );
    this.#text += `${JSON.stringify(Object.fromEntries(said))}\n`;
    if (this.#text.length >= GATHER_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), GATHER_MS).unref();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#text;
    this.#text = '';
    if (text !== '') this.#write(text);
  }
}
