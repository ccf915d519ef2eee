import { lastLines } from '../adapters/logs/reader.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import { LAST_LINES } from './render/boot/report.ts';
import type { LastLines } from './render/boot/view.ts';

/** Reads an instance's last lines from the kept logs; the other instances of its organ are left out. */
export function lastLinesOf(folder: StateFolder): LastLines {
  return async (organ, instance) => {
    const lines = await lastLines(folder.logs, organ, LAST_LINES * 4);
    return lines
      .filter((line) => line.instance === instance)
      .slice(-LAST_LINES)
      .map(({ line }) => line);
  };
}
