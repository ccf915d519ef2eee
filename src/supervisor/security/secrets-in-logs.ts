import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { logName, type Stream } from '../../adapters/logs/format.ts';
import { TimeIndex } from '../../adapters/logs/time-index.ts';
import type { SystemConfig } from '../../core/config/model.ts';
import { secretMatcher, TOKEN_PREFIX } from '../../core/config/redact.ts';
import type { Finding } from '../../core/security.ts';

/** Finds secrets in what organs write, from one round to the next. */

/** Of a flood only the end is looked at: the monitor must not become the load. */
const MOST_BYTES = 1024 * 1024;
/** Shorter values stand in every text by chance. */
const SHORTEST = 8;

const OWN_TOKEN = new RegExp(`${TOKEN_PREFIX}[\\w-]{32}`);
const OWN_TOKEN_BYTES = TOKEN_PREFIX.length + 32;

export interface Writer {
  readonly organ: string;
  readonly instance: string;
}

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

  /**
   * Whatever has been found since the boot; once written it does not go away by itself.
   * @param since when the boot began, epoch ms: what is older is an earlier boot's
   */
  round(config: SystemConfig, since: number, instances: readonly Writer[]): Finding[] {
    const isSecret = secretMatcher(config.redact);
    const writers = this.#writers();
    for (const { organ, instance } of instances) {
      if (!writers.has(organ)) continue;
      const secrets = Object.entries({ ...config.callerEnv, ...config.organs[organ]!.env })
        .filter(([name, value]) => isSecret(name) && value.length >= SHORTEST)
        .map(([name, value]) => ({ name, bytes: Buffer.from(value) }));
      // The end of one round and the beginning of the next may each hold a part of one.
      const overlap = Math.max(OWN_TOKEN_BYTES, ...secrets.map(({ bytes }) => bytes.length)) - 1;
      for (const stream of ['out', 'err'] as const) {
        const text = this.#news(organ, instance, stream, since, overlap);
        if (text === null) continue;
        const told = secrets.filter(({ bytes }) => text.includes(bytes)).map(({ name }) => name);
        if (holdsOwnToken(text)) told.push('AZORA_TOKEN');
        for (const name of told) this.#found.set(`${instance} ${name}`, finding(organ, instance, stream, name));
      }
    }
    return [...this.#found.values()];
  }

  /** Organs that have a folder: who has never written anything has none. */
  #writers(): Set<string> {
    try {
      return new Set(readdirSync(this.#logs));
    } catch {
      return new Set(); // it has been taken away
    }
  }

  /** What was written since the last round, and `overlap` bytes before that. */
  #news(organ: string, instance: string, stream: Stream, since: number, overlap: number): Buffer | null {
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
      const begin = before?.inode === ino ? before.offset - overlap : before ? 0 : offsetAt(path, since);
      const from = Math.max(0, begin);
      if (before?.inode === ino && before.offset === size) return null;
      const length = Math.min(size - from, MOST_BYTES);
      if (length <= 0) return null;
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, size - length));
    } finally {
      closeSync(file);
    }
  }
}

/** Where in a log the time `since` begins. */
function offsetAt(path: string, since: number): number {
  const index = TimeIndex.open(path.replace(/log$/, 'idx'), 0);
  try {
    const first = index.firstSince(since);
    return first < index.count ? index.record(first).offset : Number.POSITIVE_INFINITY;
  } finally {
    index.close();
  }
}

/** A token for the registry, whoever's. */
function holdsOwnToken(text: Buffer): boolean {
  const at = text.indexOf(TOKEN_PREFIX);
  return at !== -1 && OWN_TOKEN.test(text.toString('latin1', at));
}

const finding = (organ: string, instance: string, stream: Stream, name: string): Finding => ({
  id: `secret-in-log:${instance}:${name}`,
  severity: 'Medium',
  organ,
  message: `${instance} has written the value of ${name} to its output`,
  evidence: `std${stream} of ${instance}; the log file keeps it (mode 0600)`,
  remedy: `Change the secret, and what writes it. To look: azora logs ${organ} --raw`,
});
