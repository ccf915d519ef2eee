import { randomBytes, timingSafeEqual } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readPrivate, writePrivate } from './private-file.ts';

/**
 * How the first administrator comes to be: while there is none, a file that only the owner of the data folder can read
 * (`first-admin-code`, 0600) holds a code, and whoever signs up with it becomes one. It works once.
 */
export class FirstAdmin {
  readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'first-admin-code');
  }

  /** Writes a code unless there is one already. */
  offer(): void {
    if (readPrivate(this.path) === null) writePrivate(this.path, `${randomBytes(24).toString('base64url')}\n`);
  }

  isCode(code: string): boolean {
    const expected = readPrivate(this.path)?.trim();
    if (!expected) return false;
    const [a, b] = [Buffer.from(code), Buffer.from(expected)];
    return a.length === b.length && timingSafeEqual(a, b);
  }

  withdraw(): void {
    rmSync(this.path, { force: true });
  }
}
