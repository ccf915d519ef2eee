import { monotonic } from '../../adapters/clock.ts';
import type { EventType, SystemEvent } from '../../core/events.ts';
import type { CommandContext } from '../command.ts';
import { watchInterrupts } from './interrupts.ts';
import { type Begun, beginUp, type UpWish } from './prepare.ts';

export interface UpManner {
  readonly detach: boolean;
  readonly waitTimeoutMs: number | null;
  readonly abortOnFailure: boolean;
  readonly exitCodeFrom: string | null;
}

/** `azora up`: begins, shows the boot, then (in the foreground) stays until something ends it. */
export async function up(context: CommandContext, wish: UpWish, manner: UpManner): Promise<number> {
  const startedAt = Date.now();
  const interrupts = watchInterrupts(context);
  try {
    const begun = await beginUp(context, wish, manner.exitCodeFrom);
    const waitedSince = monotonic();
    const ends = endsOf(begun);
    await outOfTheWayOf(begun.result.starting.length);
    begun.keepParsed();
    const { UpSession } = await import('./session.ts');
    return await new UpSession(context, manner, begun, { interrupts, startedAt, waitedSince, ends }).run();
  } finally {
    interrupts.release();
  }
}

/** What ends a boot: heard from the beginning, since whoever has gone cannot be asked. */
const ENDS: readonly EventType[] = ['system-stopped', 'emergency-shutdown'];

function endsOf({ connection, result }: Begun): SystemEvent[] {
  const ends: SystemEvent[] = [];
  connection.onEvent((event) => ends.push(event));
  connection.request('subscribe', { since: result.since, types: ENDS }).catch(() => {}); // it has gone
  return ends;
}

/** About as long as the machine's processors are busy with starting one. */
const ONE_STARTS_MS = 1;
/** Nobody notices that a boot is shown this much later. */
const MOST_MS = 200;

/** What shows a boot, and every event that is heard of it, takes processor time from the organs that are being started. */
const outOfTheWayOf = (starting: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, Math.min(starting * ONE_STARTS_MS, MOST_MS));
  });
