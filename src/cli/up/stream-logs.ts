import { followLogs } from '../../adapters/logs/follow.ts';
import type { StateFolder } from '../../adapters/state-folder.ts';
import type { CommandContext } from '../command.ts';

export interface LogStream {
  /** Stops following; resolves when what was there by then is written. */
  finish(): Promise<void>;
}

/** Writes the organs' lines to stdout as they come, all since `from` (ms), merged. */
export function streamLogs({ stdout }: CommandContext, folder: StateFolder, from: number): LogStream {
  const stop = new AbortController();
  const format = (organ: string, line: string): string => `${organ} | ${line}\n`;
  const done = followLogs({
    folder: folder.logs,
    organs: () => null,
    from,
    signal: stop.signal,
    async onLines(lines) {
      stdout.write(lines.map(({ instance, line }) => format(instance, line)).join(''));
      await stdout.drained();
    },
  });
  return {
    finish() {
      stop.abort();
      return done;
    },
  };
}
