import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { StateFolder } from './state-folder.ts';

/**
 * The emergency latch: while it is there, nothing boots. A file of its own and not a row, so that it outlives a damaged
 * database, and so that a person can see it.
 */
export interface Latch {
  readonly reason: string;
  readonly organ: string | null;
  /** RFC 3339. */
  readonly at: string;
  /** The post-mortem's file, once it is written. */
  readonly report: string | null;
}

/**
 * On disk when it returns. Never throws, for what it stands for must happen all the same; answers what went wrong, or null. A file
 * whose words the disk did not take is a latch too, only that it cannot say why.
 */
export function setLatch(folder: StateFolder, latch: Latch): string | null {
  let trouble: string | null = null;
  try {
    const file = openSync(`${folder.emergencyLatch}.new`, 'w', 0o600);
    try {
      writeSync(file, `${JSON.stringify(latch, null, 2)}\n`);
      fsyncSync(file);
    } catch (error) {
      trouble = messageOf(error);
    } finally {
      closeSync(file);
    }
    renameSync(`${folder.emergencyLatch}.new`, folder.emergencyLatch);
  } catch (error) {
    trouble = messageOf(error);
  }
  return trouble;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** null: there is no emergency. One that cannot be read is one all the same. */
export function readLatch(folder: StateFolder): Latch | null {
  try {
    return JSON.parse(readFileSync(folder.emergencyLatch, 'utf8')) as Latch;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    return { reason: `unknown: ${folder.emergencyLatch} cannot be read`, organ: null, at: '', report: null };
  }
}

/** false: there was none. */
export function clearLatch(folder: StateFolder): boolean {
  const was = readLatch(folder) !== null;
  rmSync(folder.emergencyLatch, { force: true });
  return was;
}
