import { writeSecrets } from '../adapters/secrets-file.ts';
import type { SystemConfig } from '../core/config/model.ts';
import { type Mask, maskAll, outputMasker, secretsOf } from '../core/config/redact.ts';
import { FailureError } from '../core/failures.ts';

/** Hides the values of secrets in whatever leaves the supervisor: for people, for the database, for hooks. */
export class Redaction {
  #mask: Mask = outputMasker([]);

  /** From now on by this configuration; commands find the values in the file at `path`. */
  use(config: SystemConfig, path: string): void {
    const values = secretsOf(config);
    this.#mask = outputMasker(values);
    writeSecrets(path, values);
  }

  readonly text: Mask = (text) => this.#mask(text);

  /** Every text inside a value that is shown as it is, and never read back. */
  readonly value = <T>(value: T): T => maskAll(value, this.#mask);

  /** Only the sentences inside a value that is read back: a secret that is also a word of azora's must not change its meaning. */
  readonly sentences = <T>(value: T): T =>
    JSON.parse(
      JSON.stringify(value, (key, item) => (SENTENCES.has(key) && typeof item === 'string' ? this.#mask(item) : item)),
    ) as T;

  /** What a command is answered, a failure included. */
  async answer<T>(result: T | Promise<T>): Promise<T> {
    try {
      return this.value(await result);
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      throw new FailureError(this.value(error.failure), { cause: error });
    }
  }
}

/** Fields in which free text stands. */
const SENTENCES = new Set(['reason', 'cause', 'message', 'command']);
