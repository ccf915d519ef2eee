import { monotonic } from '../../adapters/clock.ts';
import { EXIT, type ExitCode } from '../../core/failures.ts';
import type { CommandContext, ContextSignal } from '../command.ts';

export interface Interrupt {
  readonly signal: ContextSignal;
  /** What a command ends with that this signal ended. */
  readonly exit: ExitCode;
}

export interface Interrupts {
  /** Ctrl-C, SIGTERM, a closed terminal, a reader that has gone. */
  readonly first: Promise<Interrupt>;
  /** Whoever asks again means it. */
  readonly second: Promise<void>;
  release(): void;
}

/** One Ctrl-C may come twice: from the terminal, and passed on by npm. */
const SAME_KEYPRESS_MS = 200;

export function watchInterrupts({ onSignal }: Pick<CommandContext, 'onSignal'>): Interrupts {
  let firstAt: number | null = null;
  let onFirst: (interrupt: Interrupt) => void = () => {};
  let onSecond: () => void = () => {};
  const first = new Promise<Interrupt>((resolve) => {
    onFirst = resolve;
  });
  const second = new Promise<void>((resolve) => {
    onSecond = resolve;
  });
  const heard = (signal: ContextSignal, exit: ExitCode, mayRepeat: boolean) => () => {
    const now = monotonic();
    if (firstAt === null) {
      firstAt = now;
      onFirst({ signal, exit });
    } else if (mayRepeat && now - firstAt > SAME_KEYPRESS_MS) onSecond();
  };
  const release = [
    onSignal('SIGINT', heard('SIGINT', EXIT.interrupted, true)),
    onSignal('SIGTERM', heard('SIGTERM', EXIT.terminated, true)),
    // A terminal that closes says so several times, and nobody meant anything by it.
    onSignal('SIGHUP', heard('SIGHUP', EXIT.terminated, false)),
    onSignal('SIGPIPE', heard('SIGPIPE', EXIT.done, false)),
  ];
  return {
    first,
    second,
    release: () => {
      for (const each of release) each();
    },
  };
}
