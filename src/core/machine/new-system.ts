import type { SystemConfig } from '../config/model.ts';
import { UNJUDGED, UNKNOWN } from '../health.ts';
import { NO_RESTARTS } from '../restart.ts';
import { SECURE } from '../security.ts';
import { type Boot, type Instance, instanceNames, type SystemState } from './state.ts';

/** A system that nobody has booted yet. */
export function idle(config: SystemConfig, boot: Pick<Boot, 'bootId' | 'startedAt'>): SystemState {
  return {
    config,
    self: { level: 'Healthy', reason: null },
    security: SECURE,
    retiring: new Set(),
    boot: {
      ...boot,
      bootingSince: boot.startedAt,
      phase: 'stopped',
      step: 0,
      noDeps: false,
      wanted: new Set(),
      saidReady: false,
      stopTimeoutMs: null,
      checksPassed: null,
      statusAtStop: null,
    },
    instances: new Map(
      Object.values(config.organs).flatMap((organ) =>
        instanceNames(organ).map((name, index) => [name, newInstance(organ.name, name, index + 1)] as const),
      ),
    ),
  };
}

/** One that has not lived yet. */
export function newInstance(organ: string, name: string, replica: number): Instance {
  return {
    name,
    organ,
    replica,
    desired: 'down',
    state: { tag: 'stopped' },
    reason: null,
    health: UNKNOWN,
    verdict: UNJUDGED,
    generation: 0,
    restarts: 0,
    errors: 0,
    history: NO_RESTARTS,
    lastExit: null,
    startBegan: null,
    stopWanted: null,
    stopTimeoutMs: null,
    wasReady: false,
    spawnRetries: 0,
  };
}
