import type { CommandContext } from '../command.ts';
import { watchInterrupts } from './interrupts.ts';
import { beginUp, type UpWish } from './prepare.ts';

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
    // Whatever shows the boot is loaded when the organs are on their way.
    const { UpSession } = await import('./session.ts');
    return await new UpSession(context, manner, begun, interrupts, startedAt).run();
  } finally {
    interrupts.release();
  }
}
