/** The signals that a `stop.signal` may name. */
export const STOP_SIGNALS = [
  'SIGTERM',
  'SIGINT',
  'SIGQUIT',
  'SIGHUP',
  'SIGKILL',
  'SIGUSR1',
  'SIGUSR2',
  'SIGABRT',
  'SIGALRM',
  'SIGWINCH',
] as const;

/** `SIGTERM`, `TERM` or `term` → `SIGTERM`; null when it is no signal that ends a program. */
export function parseSignal(text: string): string | null {
  const upper = text.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  return STOP_SIGNALS.find((signal) => signal === name) ?? null;
}
