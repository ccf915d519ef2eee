import { followLogs } from '../../adapters/logs/follow.ts';
import type { LogLine } from '../../adapters/logs/log-line.ts';
import type { Mask } from '../../core/config/redact.ts';

/** As much as is read of what has been written before: of each organ, and of one that is looked at alone. */
const LINES_OF_EACH = 30;
const LINES_OF_ONE = 1_000;

export interface LogFeedOptions {
  readonly folder: string;
  readonly mask: Mask;
  readonly onLines: (lines: readonly LogLine[]) => void;
  readonly onTrouble: (message: string) => void;
}

/** The logs of all, or of one instance: the latest lines and those that come. */
export class LogFeed {
  readonly #options: LogFeedOptions;
  #stop = new AbortController();

  constructor(options: LogFeedOptions) {
    this.#options = options;
  }

  /** Begins anew, with these only. */
  follow(only: { readonly organ: string; readonly instance: string } | null): void {
    this.#stop.abort();
    const stop = new AbortController();
    this.#stop = stop;
    const { folder, mask, onLines, onTrouble } = this.#options;
    const done = followLogs({
      folder,
      mask,
      onTrouble,
      organs: () => (only === null ? null : [only.organ]),
      instances: ({ instance }) => only === null || instance === only.instance,
      from: 'now',
      tail: only === null ? LINES_OF_EACH : LINES_OF_ONE,
      signal: stop.signal,
      onLines: (lines) => {
        if (!stop.signal.aborted) onLines(lines);
      },
    });
    done.catch((error: Error) => onTrouble(`logs cannot be followed any more: ${error.message}`));
  }

  close(): void {
    this.#stop.abort();
  }
}
