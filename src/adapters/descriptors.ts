import { closeSync } from 'node:fs';

/**
 * Linux makes a process's table of descriptors larger when it needs more, and a process that has threads then waits until every
 * processor has looked away (synchronize_rcu): 10 to 25 ms, at 256 descriptors, which is in the midst of a boot of a hundred organs. A
 * keeper gets its table before it has threads: whoever starts it leaves one high descriptor open in it.
 *
 * Below 1024, which is all that some users may have.
 */
export const HIGH = process.platform === 'linux' ? 1000 : null;

/** To be called by a daemon before anything else: what it starts must not inherit that descriptor. */
export function closeHigh(): void {
  if (HIGH === null) return;
  try {
    closeSync(HIGH);
  } catch {
    // It was started in another way.
  }
}
