import { readLogs } from '../adapters/logs/reader.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { LAST_LINES } from './render/boot/report.ts';
import type { LastLines } from './render/boot/view.ts';
import { maskOfRunning } from './secrets.ts';

/** The replicas of an organ share its tail; read enough of it to have an instance's own. */
const SHARED_TAIL = LAST_LINES * 4;

/** Reads an instance's last lines from the kept logs of a system that runs; what is secret in them is masked. */
export function lastLinesOf(folder: StateFolder): LastLines {
  const { logs } = folder;
  // Read now: when the last report is due the system may be down.
  const mask = maskOfRunning(folder) ?? undefined;
  return async (organ, instance, since) => {
    const window = { from: since ?? Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
    const own: string[] = [];
    for await (const batch of readLogs({ folder: logs, mask, organs: [organ], tail: SHARED_TAIL, window })) {
      for (const line of batch) if (line.instance === instance) own.push(line.line);
    }
    return own.slice(-LAST_LINES);
  };
}
