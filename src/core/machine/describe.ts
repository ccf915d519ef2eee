import { humanDuration } from '../time.ts';
import type { ExitSeen } from './inputs.ts';
import type { Instance, Tag } from './state.ts';

/** Sentences about instances: the one place where the machine's words become people's. */

/** How a process ended: "exited with code 3", "was killed by SIGKILL, not sent by azora". */
export function describeExit(exit: ExitSeen): string {
  if (exit.code !== null) return `exited with code ${exit.code}`;
  if (exit.signal === null) return 'ended while nobody could see how';
  if (exit.memoryLimit !== undefined) {
    const mib = Math.round(exit.memoryLimit / (1024 * 1024));
    return `was killed by the kernel: it used more memory than its ${mib} MiB (resources.memory)`;
  }
  if (exit.oomKilled) return `was killed by ${exit.signal}: the machine ran out of memory`;
  return `was killed by ${exit.signal}, ${exit.ours ? 'sent by azora' : 'not sent by azora'}`;
}

/**
 * How a process ended that azora was ending: "exited with code 0, as azora asked (azora down)", "was ended by SIGTERM, as azora asked (…)",
 * "was killed by azora with SIGKILL (…)". A signal that somebody else sent is still named as such.
 * @param why who asked for it or what for, where that is known
 */
export function describeAskedEnd(exit: ExitSeen, why: string | null): string {
  const because = why === null ? '' : ` (${why})`;
  if (exit.code !== null) return `${describeExit(exit)}, as azora asked${because}`;
  if (exit.signal === null || !exit.ours) return describeExit(exit);
  return exit.signal === 'SIGKILL'
    ? `was killed by azora with SIGKILL${because}`
    : `was ended by ${exit.signal}, as azora asked${because}`;
}

export const within = (ms: number): string => `within ${humanDuration(ms)}`;

/** The state as users read it: being spawned is starting. */
export function publicState(tag: Tag): Exclude<Tag, 'spawning'> {
  return tag === 'spawning' ? 'starting' : tag;
}

/** A dependency's state in half a sentence: "covenant is failed (exited with code 3)". */
export function describeInstance(instance: Instance): string {
  const reason = instance.reason ? ` (${instance.reason})` : '';
  return `${instance.name} is ${publicState(instance.state.tag)}${reason}`;
}
