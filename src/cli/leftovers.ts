import { readFileSync } from 'node:fs';
import type { StateFolder } from '../adapters/state-folder.ts';
import { lifeOf, machineBootId } from '../keeper/identity.ts';
import { replay } from '../keeper/journal.ts';

/**
 * Whether organs live on without a keeper, which was killed: its journal names them, and they are believed to live only if pid
 * and start time are still the same. After a reboot of the machine none of them does.
 */
export function organsLiveWithoutKeeper({ journal }: Pick<StateFolder, 'journal'>): boolean {
  const text = readJournal(journal);
  if (text === null) return false;
  const memory = replay(text);
  if (memory.machineBootId !== machineBootId()) return false;
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
