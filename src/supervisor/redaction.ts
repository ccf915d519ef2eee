import { readSecrets, removeSecrets, writeSecrets } from '../adapters/secrets-file.ts';
import type { SystemConfig } from '../core/config/model.ts';
import { type Mask, maskAll, outputMasker, secretsOf } from '../core/config/redact.ts';
import { FailureError } from '../core/failures.ts';

/** Hides the values of secrets in whatever leaves the supervisor: for people, for the database, for hooks. */
export class Redaction {
  #mask: Mask = outputMasker([]);
  #unwritten: { readonly path: string; readonly values: readonly string[] } | null = null;

  /** From now on by this configuration; commands find the values in the file at `path`. false: it is not written, see `settle`. */
  use(config: SystemConfig, path: string): boolean {
    const values = secretsOf(config);
    this.#mask = outputMasker(values);
    this.#unwritten = { path, values };
    return this.settle();
  }

  /**
   * Writes the file, if a full disk has not let it be written yet. Until then there is none, and commands go by azora.yaml as they do
   * when nothing runs: an older one would show what is new. Answers whether it is written now.
   */
  settle(): boolean {
    if (!this.#unwritten) return true;
    const { path, values } = this.#unwritten;
    try {
      if (JSON.stringify(readSecretsOrNull(path)) !== JSON.stringify(values)) writeSecrets(path, values);
      this.#unwritten = null;
    } catch {
      removeSecrets(path); // that the disk is full is said by others
    }
    return this.#unwritten === null;
  }

  readonly text: Mask = (text) => this.#mask(text);

  /** Every text inside a value that is shown as it is, and never read back. */
  readonly value = <T>(value: T): T => maskAll(value, this.#mask);

  /** Only the sentences inside a value that is read back: a secret that is also a word of azora's must not change its meaning. */
  readonly sentences = <T>(value: T): T => {
    const text = JSON.stringify(value);
    if (this.#mask(text) === text) return value; // as mostly: there is nothing to hide
    return JSON.parse(
      JSON.stringify(value, (key, item) => (SENTENCES.has(key) && typeof item === 'string' ? this.#mask(item) : item)),
    ) as T;
  };

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

function readSecretsOrNull(path: string): readonly string[] | null {
  try {
    return readSecrets(path);
  } catch {
    return null; // half of one: it is written anew
  }
}

/** Fields in which free text stands. */
const SENTENCES = new Set(['reason', 'cause', 'message', 'command']);
