import { humanDuration } from '../time.ts';
import type { ExitSeen } from './inputs.ts';
import type { Instance, Tag } from './state.ts';

/** Sentences about instances: the one place where the machine's words become people's. */

/** How a process ended: "exited with code 3", "was killed by SIGKILL, not sent by azora". */
export function describeExit(exit: ExitSeen): string {
  if (exit.code !== null) return `exited with code ${exit.code}`;
  if (exit.signal === null) return 'ended while nobody could see how';
  if (exit.oomKilled) return `was killed by ${exit.signal}: the machine ran out of memory`;
  return `was killed by ${exit.signal}, ${exit.ours ? 'sent by azora' : 'not sent by azora'}`;
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
