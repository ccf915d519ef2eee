import { readLogs } from '../adapters/logs/reader.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { LAST_LINES } from './render/boot/report.ts';
import type { LastLines } from './render/boot/view.ts';
import { maskOfRunning } from './secrets.ts';

/** The replicas of an organ share its tail; read enough of it to have an instance's own. */
const SHARED_TAIL = LAST_LINES * 4;

/** One that has just been started again has said nothing yet: what the life before said so lately is its last word. */
const LIFE_BEFORE_MS = 60_000;

/** Reads an instance's last lines from the kept logs of a system that runs; what is secret in them is masked. */
export function lastLinesOf(folder: StateFolder): LastLines {
  const { logs } = folder;
  // Read now: when the last report is due the system may be down.
  const mask = maskOfRunning(folder) ?? undefined;
  const read = async (organ: string, instance: string, from: number): Promise<string[]> => {
    const window = { from, to: Number.POSITIVE_INFINITY };
    const own: string[] = [];
    for await (const batch of readLogs({ folder: logs, mask, organs: [organ], tail: SHARED_TAIL, window })) {
      for (const line of batch) if (line.instance === instance) own.push(line.line);
    }
    return own.slice(-LAST_LINES);
  };
  return async (organ, instance, since) => {
    if (since === null || since === undefined) return read(organ, instance, Number.NEGATIVE_INFINITY);
    const own = await read(organ, instance, since);
    return own.length > 0 ? own : read(organ, instance, since - LIFE_BEFORE_MS);
  };
}
