/**
 * Calls back when `ms` have passed, after whatever has arrived by then: a process that stood still (paused, loading, on a busy
 * machine) must not take its own pause for the other side's silence. Returns what calls it off.
 */
export function deadline(ms: number, passed: () => void): () => void {
  let waiting: NodeJS.Immediate | undefined;
  // Timers come before what the sockets bring in a turn of the loop, immediates after it.
  const timer = setTimeout(() => {
    waiting = setImmediate(passed);
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(waiting);
  };
}
