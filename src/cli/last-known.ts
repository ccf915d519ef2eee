import { existsSync } from 'node:fs';
import { readLatch } from '../adapters/latch.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { fail } from '../core/failures.ts';
import type { InstanceStatus, StatusDocument } from '../core/status.ts';

/**
 * How the system was when it was last seen, from the database: what ran then does not run now. Null when nothing has run yet;
 * fails with `not-running` when there is a record that cannot be read.
 */
export async function lastKnown(folder: StateFolder): Promise<StatusDocument | null> {
  if (!existsSync(folder.database)) return null;
  const { openReadOnly } = await import('../adapters/sqlite/reader.ts');
  const reading = openReadOnly(folder);
  if (reading.kind !== 'open') {
    if (reading.kind === 'none') return null;
    fail('not-running', `nothing is running, and ${reading.why}`, 'Start it: azora up');
  }
  try {
    const boot = reading.reader.lastBoot();
    if (!boot) return null;
    return {
      version: 1,
      system: {
        name: boot.name,
        phase: readLatch(folder) ? 'halted' : 'stopped',
        status: 'Offline',
        threatLevel: 'None',
        bootId: boot.bootId,
        pid: null,
        keeperPid: null,
        startedAt: boot.startedAt,
        uptimeMs: null,
        file: boot.file,
        configHash: boot.configHash,
        registryUrl: null,
      },
      organs: reading.reader.instances().map(notRunning),
    };
  } finally {
    reading.reader.close();
  }
}

/** A record of what ran until the machine went down is not to be believed about the present. */
function notRunning(instance: InstanceStatus): InstanceStatus {
  const over = instance.state === 'completed' || instance.state === 'failed';
  return {
    ...instance,
    state: over ? instance.state : 'stopped',
    health: over ? instance.health : 'Unknown',
    pid: null,
    uptimeMs: null,
  };
}
