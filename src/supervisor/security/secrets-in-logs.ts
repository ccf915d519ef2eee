import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { logName, type Stream } from '../../adapters/logs/format.ts';
import type { SystemConfig } from '../../core/config/model.ts';
import { secretMatcher } from '../../core/config/redact.ts';
import type { Finding } from '../../core/security.ts';

/** Finds secrets in what organs write, from one round to the next. */

/** Of a flood only the end is looked at: the monitor must not become the load. */
const MOST_BYTES = 1024 * 1024;
/** Shorter values stand in every text by chance. */
const SHORTEST = 8;

interface Place {
  readonly inode: number;
  readonly offset: number;
}

export class SecretsInLogs {
  readonly #logs: string;
  readonly #places = new Map<string, Place>();
  readonly #found = new Map<string, Finding>();

  /** @param logs the folder of logs */
  constructor(logs: string) {
    this.#logs = logs;
  }

  /** Whatever has been found since the boot; once written it does not go away by itself. */
  round(config: SystemConfig, instances: readonly { readonly organ: string; readonly instance: string }[]): Finding[] {
    const isSecret = secretMatcher(config.redact);
    for (const { organ, instance } of instances) {
      const { env } = config.organs[organ]!;
      const secrets = Object.entries(env).filter(([name, value]) => isSecret(name) && value.length >= SHORTEST);
      if (secrets.length === 0) continue;
      for (const stream of ['out', 'err'] as const) {
        const text = this.#news(organ, instance, stream);
        if (text === null) continue;
        for (const [name, value] of secrets) {
          if (text.includes(Buffer.from(value)))
            this.#found.set(`${instance} ${name}`, finding(organ, instance, stream, name));
        }
      }
    }
    return [...this.#found.values()];
  }

  /** What was written since the last round. The first round begins at the end: what is old is an earlier boot's. */
  #news(organ: string, instance: string, stream: Stream): Buffer | null {
    const path = join(this.#logs, organ, logName(instance, stream));
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch {
      return null; // it has not written anything yet
    }
    try {
      const { ino, size } = fstatSync(file);
      const before = this.#places.get(path);
      this.#places.set(path, { inode: ino, offset: size });
      const from = before?.inode === ino ? before.offset : 0;
      const length = Math.min(size - from, MOST_BYTES);
      if (length <= 0) return null;
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, size - length));
    } finally {
      closeSync(file);
    }
  }
}

const finding = (organ: string, instance: string, stream: Stream, name: string): Finding => ({
  id: `secret-in-log:${instance}:${name}`,
  severity: 'Medium',
  organ,
  message: `${instance} has written the value of ${name} to its output`,
  evidence: `std${stream} of ${instance}; the log file keeps it (mode 0600)`,
  remedy: `Change the secret, and what writes it. To look: azora logs ${organ} --raw`,
});
