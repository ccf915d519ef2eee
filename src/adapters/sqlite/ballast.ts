import { rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { crypto } from '../crypto.ts';

const BALLAST_BYTES = 4 * 1024 * 1024;

/**
 * A file whose only worth is that it can be removed. On a full disk SQLite cannot even delete rows, as that needs room in its
 * log; with the ballast gone it can.
 */
export function layBallast(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })) return;
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    if (bavail * bsize < 4 * BALLAST_BYTES) return;
    // Random, because a file system that compresses would store zeros in no space at all.
    writeFileSync(path, crypto().randomFillSync(Buffer.allocUnsafe(BALLAST_BYTES)), { mode: 0o600 });
  } catch {
    // No room, or no right to write: then there is no ballast, and nothing else is worse for it.
    rmSync(path, { force: true });
  }
}

/** True when there was something to drop. */
export function dropBallast(path: string): boolean {
  if (!statSync(path, { throwIfNoEntry: false })) return false;
  try {
    rmSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Less than a few pages left: SQLite then fails in many words, not only with "full". False when nobody can tell. */
export function isDiskFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < 256 * 1024;
  } catch {
    // The folder itself is gone or unreadable, and that is another trouble.
    return false;
  }
}
