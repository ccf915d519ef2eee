import { existsSync, readFileSync } from 'node:fs';
import type { StateFolder } from '../adapters/state-folder.ts';
import { lifeOf, machineBootId } from '../keeper/identity.ts';
import { replay } from '../keeper/journal.ts';

/**
 * Whether a system is left without a keeper, which was killed: its journal names them, and they are believed to live only if pid
 * and start time are still the same. After a reboot of the machine none of them does.
 */
export function organsLiveWithoutKeeper({
  journal,
  bootDocument,
}: Pick<StateFolder, 'journal' | 'bootDocument'>): boolean {
  const text = readJournal(journal);
  if (text === null) return false;
  const memory = replay(text);
  if (memory.machineBootId !== machineBootId()) return false;
  // Also where none happens to live: the boot document is there from `up` to `down`.
  if (existsSync(bootDocument)) return true;
  return memory.lives.some(({ exit, identity }) => exit === null && identity !== null && lifeOf(identity) !== 'gone');
}

function readJournal(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null; // Nothing runs, or has run.
    throw error;
  }
}
