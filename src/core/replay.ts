import type { SystemEvent } from './events.ts';
import type { Json } from './json.ts';
import type { Health, InstanceState, Phase, SystemStatus } from './status.ts';

/**
 * What a history comes to: the events of a system, in their order, give the state that `azora status` showed after the last of
 * them. An event that names an instance's health in its data says what that is from then on.
 */

export interface ReplayedInstance {
  readonly organ: string;
  readonly state: InstanceState;
  readonly health: Health;
}

export interface Replayed {
  readonly bootId: string | null;
  readonly phase: Phase;
  readonly status: SystemStatus;
  readonly instances: ReadonlyMap<string, ReplayedInstance>;
}

export const NOTHING_YET: Replayed = { bootId: null, phase: 'stopped', status: 'Offline', instances: new Map() };

/** @param events oldest first, from the beginning of a boot on (earlier boots do no harm) */
export function replay(events: Iterable<SystemEvent>): Replayed {
  let { bootId, phase, status } = NOTHING_YET;
  const instances = new Map<string, ReplayedInstance>();
  /** In the file no more: forgotten once nothing of them is left. */
  let retiring = new Set<string>();
  const forget = (): void => {
    for (const name of retiring) if (!isAlive(instances.get(name))) instances.delete(name);
  };
  const know = (names: { readonly [name: string]: Json }): void => {
    for (const [name, organ] of Object.entries(names)) {
      if (!instances.has(name)) instances.set(name, { organ: String(organ), state: 'stopped', health: 'Unknown' });
    }
  };
  for (const event of events) {
    if (event.bootId !== bootId) {
      bootId = event.bootId;
      instances.clear();
      retiring.clear();
      status = 'Operational';
    }
    if (event.type === 'supervisor-started') {
      // The one before may have said what nobody wrote down.
      phase = (event.data.phase as Phase | undefined) ?? phase;
      status = (event.data.status as SystemStatus | undefined) ?? status;
      instances.clear();
      for (const [name, shown] of Object.entries(asObject(event.data.instances))) {
        instances.set(name, asObject(shown) as unknown as ReplayedInstance);
      }
    }
    if (event.type === 'system-booting') know(asObject(event.data.instances));
    if (event.type === 'config-reloaded' && event.data.instances !== undefined) {
      const declared = asObject(event.data.instances);
      forget();
      know(declared);
      retiring = new Set([...instances.keys()].filter((name) => !Object.hasOwn(declared, name)));
    }
    phase = phaseAfter(event, phase);
    if (event.type === 'system-status-changed') status = event.data.to as SystemStatus;
    if (event.instance !== null) apply(instances, event, event.instance);
  }
  forget();
  return { bootId, phase, status: phase === 'stopped' || phase === 'halted' ? 'Offline' : status, instances };
}

const isAlive = (instance: ReplayedInstance | undefined): boolean =>
  instance !== undefined && ['starting', 'ready', 'stopping', 'stuck'].includes(instance.state);

function apply(instances: Map<string, ReplayedInstance>, event: SystemEvent, name: string): void {
  const before = instances.get(name) ?? { organ: event.organ ?? name, state: 'stopped', health: 'Unknown' };
  const state = stateAfter(event) ?? before.state;
  const health = healthAfter(event) ?? before.health;
  if (state !== before.state || health !== before.health || !instances.has(name)) {
    instances.set(name, { organ: before.organ, state, health });
  }
}

/** The state that an event about an instance leaves it in; null when it is about something else. */
export function stateAfter({ type, data }: Pick<SystemEvent, 'type' | 'data'>): InstanceState | null {
  switch (type) {
    case 'organ-waiting':
      return 'waiting';
    case 'organ-starting':
    case 'organ-started':
      return 'starting';
    case 'organ-ready':
    case 'organ-assumed-ready':
      return 'ready';
    case 'organ-completed':
      return 'completed';
    case 'organ-stuck':
      return 'stuck';
    // Until its whole tree is gone.
    case 'organ-exited':
    case 'organ-stopping':
      return 'stopping';
    case 'organ-restarting':
      return 'backoff';
    case 'organ-failed':
      return 'failed';
    case 'organ-stopped':
      return 'stopped';
    case 'organ-adopted':
      return (data.state as InstanceState | undefined) ?? null;
    default:
      return null;
  }
}

function healthAfter({ type, data }: SystemEvent): Health | null {
  if (type === 'health-changed') return data.to as Health;
  return (data.health as Health | undefined) ?? null;
}

function phaseAfter({ type }: SystemEvent, before: Phase): Phase {
  switch (type) {
    case 'system-booting':
      return 'booting';
    case 'system-ready':
      return 'ready';
    case 'system-boot-failed':
      return 'boot-failed';
    case 'system-stopping':
      return before === 'emergency' ? before : 'stopping';
    case 'system-stopped':
      return before === 'emergency' ? 'halted' : 'stopped';
    case 'emergency-shutdown':
      return 'emergency';
    default:
      return before;
  }
}

function asObject(value: Json | undefined): { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [key: string]: Json })
    : {};
}
