import { followLogs } from '../../adapters/logs/follow.ts';
import type { StateFolder } from '../../adapters/state-folder.ts';
import type { CommandContext } from '../command.ts';
import { LogLineRenderer } from '../render/log-lines.ts';
import { maskOfRunning } from '../secrets.ts';

export interface LogStream {
  /** Stops following; resolves when what was there by then is written. */
  finish(): Promise<void>;
}

/** Writes the organs' lines to stdout as they come, all since `from` (ms), merged. `instances`: those that are known now. */
export function streamLogs(
  { stdout, stderr }: CommandContext,
  folder: StateFolder,
  from: number,
  instances: readonly string[],
): LogStream {
  const stop = new AbortController();
  const renderer = new LogLineRenderer({ style: stdout.style, prefix: true, timestamps: false }, instances);
  const done = followLogs({
    folder: folder.logs,
    mask: maskOfRunning(folder) ?? undefined,
    organs: () => null,
    from,
    signal: stop.signal,
    onTrouble: (message) => void stderr.write(`${stderr.style.yellow('azora:')} ${message}\n`),
    async onLines(lines) {
      stdout.write(lines.map((line) => renderer.render(line)).join(''));
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
