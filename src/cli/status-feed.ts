import type { StateFolder } from '../adapters/state-folder.ts';
import { FailureError, fail } from '../core/failures.ts';
import type { StatusDocument } from '../core/status.ts';
import type { Connection } from './connection.ts';
import { findSupervisor } from './daemons.ts';

/** Many events at once are one change. */
export const SETTLE_MS = 50;

export interface StatusFeed {
  readonly folder: StateFolder;
  readonly version: string;
  /** Also without a change, this often; null: only when something happens. */
  readonly everyMs: number | null;
  /** The next status is asked for when it has resolved. */
  readonly show: (document: StatusDocument) => Promise<void> | void;
  /** Is given what asks for the status anew; returns what ends that. */
  readonly onStir?: (stir: () => void) => () => void;
  /** Another one answers from here on; the first is none. */
  readonly onConnected?: (connection: Connection, isFirst: boolean) => void;
  /** It answers no more, and the next is awaited. */
  readonly onLost?: () => void;
}

/**
 * The status whenever something has happened, over the deaths of supervisors. Ends by failing only: with `not-running` when the
 * system is down.
 */
export async function feedStatus(first: Connection, feed: StatusFeed): Promise<never> {
  const next = (): Promise<Connection | null> => findSupervisor(feed.folder, feed.version);
  for (let current: Connection | null = first; current; current = await next()) {
    feed.onConnected?.(current, current === first);
    await feedFrom(current, feed);
    feed.onLost?.();
  }
  return fail('not-running', 'the system is down: nothing is running any more', 'Start it: azora up');
}

/** Until the conversation ends. */
async function feedFrom(connection: Connection, { everyMs, show, onStir }: StatusFeed): Promise<void> {
  let wake = (): void => {};
  let open = true;
  let changed = true;
  const stir = (): void => {
    changed = true;
    wake();
  };
  connection.onEvent(stir);
  void connection.closed.then(() => {
    open = false;
    wake();
  });
  const stopStirring = onStir?.(stir);
  const tick = everyMs === null ? undefined : setInterval(stir, everyMs);
  try {
    await connection.request('subscribe', { since: null, types: null });
    while (open) {
      if (!changed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
        continue;
      }
      changed = false;
      await show(await connection.request('status', null));
    }
  } catch (error) {
    // A supervisor that went away in the middle of a question has a successor.
    if (!(error instanceof FailureError) || error.failure.kind !== 'unreachable') throw error;
  } finally {
    clearInterval(tick);
    stopStirring?.();
  }
}
