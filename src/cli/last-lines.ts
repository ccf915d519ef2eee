import { readLogs } from '../adapters/logs/reader.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { LAST_LINES } from './render/boot/report.ts';
import type { LastLines } from './render/boot/view.ts';

/** The replicas of an organ share its tail; read enough of it to have an instance's own. */
const SHARED_TAIL = LAST_LINES * 4;

/** Reads an instance's last lines from the kept logs. */
export function lastLinesOf({ logs }: StateFolder): LastLines {
  return async (organ, instance, since) => {
    const window = { from: since ?? Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
    const own: string[] = [];
    for await (const batch of readLogs({ folder: logs, organs: [organ], tail: SHARED_TAIL, window })) {
      for (const line of batch) if (line.instance === instance) own.push(line.line);
    }
    return own.slice(-LAST_LINES);
  };
}
