import type { OrganConfig, SystemConfig } from '../../../src/core/config/model.ts';
import type { NewEvent } from '../../../src/core/events.ts';
import type { Observation } from '../../../src/core/health.ts';
import type { Effect } from '../../../src/core/machine/effects.ts';
import type { InstanceInput, SystemInput } from '../../../src/core/machine/inputs.ts';
import { idle } from '../../../src/core/machine/new-system.ts';
import type { Instance, SystemState } from '../../../src/core/machine/state.ts';
import { step } from '../../../src/core/machine/step.ts';

/** A system on virtual time: effects become what a test decides, timers run when their time has come. */

const LOGS = { maxSize: 1e7, maxFiles: 5, compress: 'none', merge: false } as const;
const EXPECT = { status: null, json: {}, body: null, exitCode: 0 } as const;

export function organ(name: string, change: Partial<OrganConfig> = {}): OrganConfig {
  return {
    name,
    description: null,
    category: null,
    command: { shell: false, argv: ['true'], text: 'true' },
    cwd: '/',
    env: {},
    kind: 'service',
    schedule: null,
    dependsOn: [],
    critical: false,
    autostart: true,
    profiles: [],
    replicas: 1,
    autoscale: null,
    ports: [],
    health: {
      probe: { kind: 'tcp', target: '1' },
      intervalMs: 30_000,
      timeoutMs: 5000,
      startTimeoutMs: 60_000,
      failures: 3,
      successes: 1,
      slowMs: null,
      expect: EXPECT,
      restart: true,
    },
    verify: [],
    restart: {
      policy: 'always',
      delayMs: 500,
      factor: 2,
      maxDelayMs: 60_000,
      jitter: 0,
      resetAfterMs: 60_000,
      limit: 10,
      windowMs: 600_000,
    },
    successExitCodes: [0],
    stop: { signal: 'SIGTERM', timeoutMs: 10_000, command: null },
    resources: { cpu: null, memory: null },
    user: null,
    logs: LOGS,
    watch: null,
    route: null,
    hooks: { preStart: null, postReady: null, preStop: null, postExit: null },
    labels: {},
    source: { file: 'azora.yaml', line: 1 },
    ...change,
  };
}

export function task(name: string, change: Partial<OrganConfig> = {}): OrganConfig {
  const base = organ(name, change);
  return {
    ...base,
    kind: 'task',
    health: { ...base.health, probe: { kind: 'none' } },
    restart: { ...base.restart, policy: 'never' },
    ...change,
  };
}

export const needs = (
  name: string,
  condition: OrganConfig['dependsOn'][number]['condition'] = 'healthy',
  required = true,
) => ({
  organ: name,
  condition,
  restart: false,
  required,
});

export function system(organs: readonly OrganConfig[], change: Partial<SystemConfig> = {}): SystemConfig {
  return {
    name: 'test',
    file: '/azora.yaml',
    configHash: 'hash',
    boot: { timeoutMs: 120_000, steps: [] },
    health: { intervalMs: 30_000 },
    security: { intervalMs: 60_000, checks: [], escalate: null, allow: [] },
    emergency: { on: [], deadlineMs: 15_000 },
    checks: [],
    hooks: {},
    registry: null,
    logs: LOGS,
    redact: [],
    retention: { maxAgeMs: 1, maxBytes: 1 },
    profiles: [],
    callerEnv: {},
    organs: Object.fromEntries(organs.map((one) => [one.name, one])),
    inactive: [],
    ...change,
  };
}

export const PASS: Observation = { verdict: 'pass', latencyMs: 1, bodyStatus: null, bodyReason: null, metrics: {} };
export const FAIL: Observation = { ...PASS, verdict: 'fail', reason: 'status 503, expected 200-299' };

interface Timer {
  readonly at: number;
  readonly key: string;
  readonly input: SystemInput;
}

export class World {
  state: SystemState;
  readonly events: NewEvent[] = [];
  /** Effects that nobody has answered yet, oldest first. */
  pending: Effect[] = [];
  /** Every effect there was. */
  readonly all: Effect[] = [];
  #timers: Timer[] = [];
  #now = 1_000_000;
  random = 0.5;
  /** How far somebody has set the wall clock, ms. */
  wallSetBy = 0;

  constructor(config: SystemConfig) {
    this.state = idle(config, { bootId: 'boot', startedAt: this.at });
  }

  get at() {
    return { mono: this.#now, wall: 1_700_000_000_000 + this.#now + this.wallSetBy };
  }

  send(input: SystemInput): void {
    const { state, effects } = step(this.state, { input, at: this.at, random: this.random });
    this.state = state;
    for (const effect of effects) this.#take(effect);
  }

  /** Goes on from what was found, as a supervisor that takes over does. */
  resume(state: SystemState, effects: readonly Effect[]): void {
    this.state = state;
    for (const effect of effects) this.#take(effect);
  }

  #take(effect: Effect): void {
    this.all.push(effect);
    switch (effect.type) {
      case 'emit':
        this.events.push(effect.event);
        return;
      case 'timer':
        this.#cancel(`${effect.instance} ${effect.timer}`);
        this.#timers.push({
          at: this.#now + effect.delayMs,
          key: `${effect.instance} ${effect.timer}`,
          input: {
            type: 'instance',
            instance: effect.instance,
            input: { type: 'elapsed', generation: effect.generation, timer: effect.timer },
          },
        });
        return;
      case 'cancel':
        this.#cancel(`${effect.instance} ${effect.timer}`);
        return;
      case 'bootDeadline':
        this.#cancel('boot');
        if (effect.delayMs !== null)
          this.#timers.push({ at: this.#now + effect.delayMs, key: 'boot', input: { type: 'bootTimeout' } });
        return;
      default:
        this.pending.push(effect);
    }
  }

  #cancel(key: string): void {
    this.#timers = this.#timers.filter((timer) => timer.key !== key);
  }

  get timers(): readonly { key: string; inMs: number }[] {
    return this.#timers.map(({ key, at }) => ({ key, inMs: at - this.#now }));
  }

  up(organs: readonly string[] | null = null, heldDown: readonly string[] = [], noDeps = false): void {
    this.send({ type: 'up', config: this.state.config, organs, noDeps, heldDown });
  }

  tell(instance: string, input: InstanceInput): void {
    this.send({ type: 'instance', instance, input });
  }

  /** Lets time pass, timers going off in their order. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      this.send(due.input);
    }
    this.#now = until;
  }

  instance(name: string): Instance {
    const found = this.state.instances.get(name);
    if (!found) throw new Error(`no instance ${name}`);
    return found;
  }

  tag(name: string): string {
    return this.instance(name).state.tag;
  }

  /** Takes the oldest unanswered effect of a kind for an instance, or says that there is none. */
  #answer(type: Effect['type'], instance: string): void {
    const index = this.pending.findIndex(
      (effect) => effect.type === type && 'instance' in effect && effect.instance === instance,
    );
    if (index === -1) throw new Error(`no ${type} of ${instance} is asked for; asked: ${JSON.stringify(this.pending)}`);
    this.pending.splice(index, 1);
  }

  wants(type: Effect['type'], instance?: string): boolean {
    return this.pending.some(
      (effect) => effect.type === type && (!instance || ('instance' in effect && effect.instance === instance)),
    );
  }

  spawned(name: string, pid = 4000 + this.instance(name).generation): void {
    this.#answer('spawn', name);
    this.tell(name, { type: 'spawned', generation: this.instance(name).generation, pid });
  }

  probed(name: string, observation: Observation = PASS): void {
    this.tell(name, { type: 'probed', generation: this.instance(name).generation, observation });
  }

  /** Spawned, and its first probe passes. */
  ready(name: string): void {
    this.spawned(name);
    this.probed(name);
  }

  /** Its process ends by itself, and its tree is found empty. */
  exits(name: string, code: number | null = 0, signal: string | null = null): void {
    this.exited(name, code, signal);
    this.gone(name, 'killTree');
  }

  exited(name: string, code: number | null = 0, signal: string | null = null, ours = false): void {
    const { generation } = this.instance(name);
    const exit = { code, signal, at: this.at.wall, pid: 4000 + generation, ours, oomKilled: false };
    this.tell(name, { type: 'exited', generation, exit });
  }

  gone(name: string, how: 'stopTree' | 'killTree' = 'stopTree', left: { pid: number; command: string }[] = []): void {
    this.#answer(how, name);
    this.tell(name, { type: 'gone', generation: this.instance(name).generation, left });
  }

  /** Obeys a stop: exits by the signal, and the tree is empty. */
  obeys(name: string): void {
    this.exited(name, null, 'SIGTERM', true);
    this.gone(name, 'stopTree');
  }

  checks(passed = true): void {
    const index = this.pending.findIndex((effect) => effect.type === 'runChecks');
    if (index === -1) throw new Error('no checks are asked for');
    this.pending.splice(index, 1);
    this.send({
      type: 'checked',
      passed,
      checks: passed ? [] : [{ name: 'chain', organ: null, passed: false, durationMs: 1, message: 'no' }],
    });
  }

  types(): string[] {
    return this.events.map((event) => (event.instance ? `${event.type} ${event.instance}` : event.type));
  }

  event(type: NewEvent['type'], instance: string | null = null): NewEvent {
    const found = this.events.findLast(
      (event) => event.type === type && (instance === null || event.instance === instance),
    );
    if (!found)
      throw new Error(`no event ${type}${instance ? ` of ${instance}` : ''}; there are: ${this.types().join(', ')}`);
    return found;
  }
}
