import type { Effect } from './effects.ts';
import type { Instance, SystemState } from './state.ts';

/** When the system's own condition is an emergency, and what it begins with. */

/** The instance whose failure for good is an emergency, if this step brought one about. Booting has its own end: boot-failed. */
export function emergencyIn(before: SystemState, after: SystemState, changed: Iterable<string>): Instance | null {
  const { config, boot } = after;
  if (boot.phase !== 'ready' || !config.emergency.on.includes('critical-organ-failed')) return null;
  for (const name of changed) {
    const instance = after.instances.get(name)!;
    if (instance.state.tag !== 'failed' || before.instances.get(name)?.state.tag === 'failed') continue;
    if (config.organs[instance.organ]!.critical) return instance;
  }
  return null;
}

/** The latch first: whatever happens from here on, nothing starts again. */
export function beginEmergency(system: SystemState, reason: string, organ: string | null): Effect[] {
  const { deadlineMs } = system.config.emergency;
  return [
    { type: 'latch', reason, organ },
    {
      type: 'emit',
      event: {
        type: 'emergency-shutdown',
        organ,
        instance: null,
        message: `emergency shutdown of ${system.config.name}: ${reason}`,
        data: { reason, deadlineMs },
      },
    },
    { type: 'bootDeadline', delayMs: null },
    { type: 'emergencyDeadline', delayMs: deadlineMs },
  ];
}
