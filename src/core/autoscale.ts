/**
 * How many instances an organ should have by the processor time that those it has use: one more when they have been busier than
 * the target for a while, one fewer when the rest could carry the load with room to spare for a longer while.
 */

export interface AutoscaleRule {
  readonly min: number;
  readonly max: number;
  /** Percent of one core, for each instance on average. */
  readonly cpu: number;
}

export interface AutoscaleMemory {
  readonly busy: number;
  readonly idle: number;
}

export const NOTHING_SEEN: AutoscaleMemory = { busy: 0, idle: 0 };

/** Looks in a row before it acts: up quickly, down slowly, so that it does not swing. */
export const LOOKS_UP = 2;
export const LOOKS_DOWN = 6;
/** After taking one away, the others stay below this part of the target. */
const ROOM = 0.8;

/**
 * @param replicas how many there are
 * @param cpuPercent of one core, on average over them
 */
export function autoscale(
  rule: AutoscaleRule,
  replicas: number,
  cpuPercent: number,
  memory: AutoscaleMemory,
): { readonly replicas: number; readonly memory: AutoscaleMemory } {
  if (replicas < rule.min) return { replicas: rule.min, memory: NOTHING_SEEN };
  if (replicas > rule.max) return { replicas: rule.max, memory: NOTHING_SEEN };
  const isBusy = cpuPercent > rule.cpu;
  const isIdle = replicas > 1 && (cpuPercent * replicas) / (replicas - 1) < rule.cpu * ROOM;
  const seen = { busy: isBusy ? memory.busy + 1 : 0, idle: isIdle ? memory.idle + 1 : 0 };
  if (seen.busy >= LOOKS_UP && replicas < rule.max) return { replicas: replicas + 1, memory: NOTHING_SEEN };
  if (seen.idle >= LOOKS_DOWN && replicas > rule.min) return { replicas: replicas - 1, memory: NOTHING_SEEN };
  return { replicas, memory: seen };
}
