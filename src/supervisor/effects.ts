import { dirname } from 'node:path';
import { now } from '../adapters/clock.ts';
import { failpoint } from '../adapters/failpoint.ts';
import { isAsked } from '../adapters/probes/index.ts';
import type { CheckConfig, CommandLine, ThreatLevel } from '../core/config/model.ts';
import type { Endpoint } from '../core/config/references.ts';
import { FailureError } from '../core/failures.ts';
import type { Effect } from '../core/machine/effects.ts';
import type { CheckOutcome, InstanceInput, SystemInput } from '../core/machine/inputs.ts';
import { instancesOf } from '../core/machine/relations.ts';
import { ASSUME_READY_MS } from '../core/machine/starting.ts';
import type { Instance, SystemState } from '../core/machine/state.ts';
import type { Finding } from '../core/security.ts';
import { systemStatus } from '../core/status-view.ts';
import type { ProcessInfo } from '../keeper/protocol.ts';
import { type CheckPlace, runCheck } from './checks.ts';
import { type Endpoints, isFree } from './endpoints.ts';
import type { History } from './history.ts';
import { environment, type Surroundings, spawnRequest } from './launch.ts';
import type { LimitsKept } from './limits.ts';
import type { Lives } from './lives.ts';
import { runOrganHook } from './organ-hook.ts';
import { askForDecision } from './security/escalation.ts';
import { asUser, switchUser } from './switch-user.ts';
import type { Tokens } from './tokens.ts';
import type { Watcher } from './watcher.ts';

/** Carries the core's effects out. What they lead to is dispatched as inputs. */

/** After a kill that the keeper could not carry out, for want of file descriptors, say. */
const KILL_AGAIN_MS = 1000;

export interface Means {
  readonly dispatch: (input: SystemInput) => void;
  readonly history: History;
  readonly lives: Lives;
  readonly limits: LimitsKept;
  readonly watcher: Watcher;
  readonly endpoints: Endpoints;
  readonly tokens: Tokens;
  readonly surroundings: (system: SystemState) => Surroundings;
  readonly recordChecks: (bootId: string, checks: Extract<SystemInput, { type: 'checked' }>['checks']) => void;
  /** Hides secrets in what leaves azora. */
  readonly hide: <T>(value: T) => T;
  /** Begins the rounds of the security monitor. */
  readonly guard: () => void;
  /** An emergency has begun. */
  readonly onEmergency: (reason: string, organ: string | null) => void;
  readonly onHalt: () => void;
}

export class Effects {
  readonly #means: Means;
  /** What takes each of them away. */
  readonly #timers = new Map<string, () => void>();
  /** Instances whose `pre_start` runs. */
  readonly #preStarts = new Map<string, AbortController>();
  #bootDeadline: NodeJS.Timeout | null = null;

  constructor(means: Means) {
    this.#means = means;
  }

  perform(effect: Effect, system: SystemState): void {
    switch (effect.type) {
      case 'spawn':
        void this.#spawn(system, instanceIn(system, effect.instance), effect.generation);
        return;
      case 'abortStart':
        this.#preStarts.get(effect.instance)?.abort('aborted: it is not wanted any more');
        return;
      case 'awaitReady':
        this.#awaitReady(system, instanceIn(system, effect.instance), effect.generation);
        return;
      case 'monitor':
        this.#monitor(system, instanceIn(system, effect.instance), effect.generation);
        return;
      case 'unwatch':
        this.#means.watcher.unwatch(effect.instance);
        return;
      case 'verify':
        void this.#verify(system, instanceIn(system, effect.instance), effect.generation);
        return;
      case 'stopTree': {
        const organ = system.config.organs[instanceIn(system, effect.instance).organ]!;
        void this.#gone(effect, this.#means.lives.stop(organ, effect, effect.timeoutMs ?? organ.stop.timeoutMs));
        return;
      }
      case 'killTree':
        void this.#gone(effect, this.#means.lives.kill(effect));
        return;
      case 'timer':
        this.#setTimer(`${effect.instance} ${effect.timer}`, effect.delayMs, () =>
          this.#tell(effect.instance, { type: 'elapsed', generation: effect.generation, timer: effect.timer }),
        );
        return;
      case 'cancel':
        this.#cancel(`${effect.instance} ${effect.timer}`);
        return;
      case 'bootDeadline':
        if (this.#bootDeadline) clearTimeout(this.#bootDeadline);
        this.#bootDeadline =
          effect.delayMs === null
            ? null
            : setTimeout(() => this.#means.dispatch({ type: 'bootTimeout' }), effect.delayMs);
        return;
      case 'guard':
        this.#means.guard();
        return;
      case 'escalate':
        void this.#escalate(system, effect.findings, effect.threatLevel);
        return;
      case 'latch':
        this.#means.onEmergency(effect.reason, effect.organ);
        return;
      case 'emergencyDeadline':
        setTimeout(() => this.#means.dispatch({ type: 'emergencyDeadline' }), effect.delayMs).unref();
        return;
      case 'runChecks':
        void this.#runChecks(system);
        return;
      case 'emit':
        this.#means.history.add(effect.event, system.boot.bootId, now().wall);
        return;
      case 'halt':
        this.#means.onHalt();
        return;
      default:
        effect satisfies never;
    }
  }

  #tell(instance: string, input: InstanceInput): void {
    this.#means.dispatch({ type: 'instance', instance, input });
  }

  // -------------------------------------------------------------------------------------------- starting

  async #spawn(system: SystemState, instance: Instance, generation: number): Promise<void> {
    const organ = system.config.organs[instance.organ]!;
    // Awaited only where there is something to wait for: the keeper begins with the first while the others are still being asked for.
    const refused = organ.hooks.preStart && (await this.#preStart(system, instance, organ.hooks.preStart));
    if (refused !== null) {
      const message = `pre_start ${refused}`;
      this.#tell(instance.name, { type: 'spawnFailed', generation, again: false, failedStart: true, message });
      return;
    }
    const taken = organ.ports.length > 0 && (await this.#portTaken(system, instance));
    if (taken) {
      this.#tell(instance.name, { type: 'spawnFailed', generation, again: false, message: taken });
      return;
    }
    const switched = organ.user === null ? null : switchUser(organ.user);
    if (typeof switched === 'string') {
      this.#tell(instance.name, { type: 'spawnFailed', generation, again: false, message: switched });
      return;
    }
    const token = this.#means.tokens.issue({ organ: organ.name, instance: instance.name }, generation);
    const surroundings = this.#means.surroundings(system);
    failpoint('supervisor:before-spawn');
    const result = await this.#means.lives.spawn(
      asUser(spawnRequest(system.config, instance, generation, token, surroundings), switched),
      system.config.callerEnv,
    );
    failpoint('supervisor:spawned');
    if (!result) return;
    if (result.ok) {
      this.#means.limits.learn({ instance: instance.name, generation }, result.limits, system.config.organs);
      this.#tell(instance.name, { type: 'spawned', generation, pid: result.pid });
    } else {
      const again = result.reason === 'again';
      this.#tell(instance.name, { type: 'spawnFailed', generation, again, message: result.message });
    }
  }

  /** null: it has none, or it succeeded; else how it failed. Its time counts as part of the start. */
  async #preStart(system: SystemState, instance: Instance, preStart: CommandLine): Promise<string | null> {
    const organ = system.config.organs[instance.organ]!;
    const abort = new AbortController();
    this.#preStarts.set(instance.name, abort);
    const end = await runOrganHook(system, instance, preStart, this.#means.surroundings(system), {
      hook: 'pre_start',
      timeoutMs: organ.health.startTimeoutMs,
      signal: abort.signal,
    });
    if (this.#preStarts.get(instance.name) === abort) this.#preStarts.delete(instance.name);
    return end.ok ? null : end.message;
  }

  /**
   * A port that somebody else holds: starting would only fail less clearly. One that azora chose was free then; it is looked at again
   * when the organ has let go of it once.
   */
  async #portTaken(system: SystemState, instance: Instance): Promise<string | null> {
    const organ = system.config.organs[instance.organ]!;
    const given = this.#means.endpoints.portsOf(instance.name);
    for (const { name, port: declared } of organ.ports) {
      if (declared === 'auto' && instance.generation <= 1) continue;
      const port = given[name];
      if (port === undefined) continue;
      if (await isFree(port)) continue;
      const { whoListens } = await import('../adapters/sockets-table.ts');
      const who = whoListens(port);
      return `port ${port} is in use${who ? ` by pid ${who.pid} (${who.command})` : ''}`;
    }
    return null;
  }

  #awaitReady(system: SystemState, instance: Instance, generation: number): void {
    const { probe } = system.config.organs[instance.organ]!.health;
    if (isAsked(probe)) {
      this.#means.watcher.awaitReady(this.#watched(system, instance, generation));
    } else if (probe.kind === 'none') {
      this.#setTimer(`${instance.name} assume-ready`, ASSUME_READY_MS, () =>
        this.#tell(instance.name, { type: 'elapsed', generation, timer: 'assume-ready' }),
      );
    }
  }

  #monitor(system: SystemState, instance: Instance, generation: number): void {
    if (!isAsked(system.config.organs[instance.organ]!.health.probe)) return;
    this.#means.watcher.monitor(this.#watched(system, instance, generation));
  }

  #watched(system: SystemState, instance: Instance, generation: number) {
    return {
      instance: instance.name,
      health: system.config.organs[instance.organ]!.health,
      endpoint: this.#means.endpoints.endpointOf(instance.name),
      place: this.#place(system, instance),
      onObservation: (observation: Extract<InstanceInput, { type: 'probed' }>['observation']) => {
        failpoint('supervisor:probed');
        this.#tell(instance.name, { type: 'probed', generation, observation });
      },
      onUnheard: (forMs: number) => this.#tell(instance.name, { type: 'unheard', generation, forMs }),
    };
  }

  /** One check after the other; the first that fails is the answer. */
  async #verify(system: SystemState, instance: Instance, generation: number): Promise<void> {
    const { verify } = system.config.organs[instance.organ]!;
    const place = this.#place(system, instance);
    const own = this.#means.endpoints.endpointOf(instance.name);
    failpoint('supervisor:before-verify');
    for (const check of verify) {
      const outcome = await runCheck(
        check,
        place,
        check.organ === instance.organ || check.organ === null ? own : undefined,
      );
      if (!outcome.passed) {
        const message = `verify "${check.name}" failed: ${outcome.message}`;
        this.#tell(instance.name, { type: 'verified', generation, passed: false, message });
        return;
      }
    }
    failpoint('supervisor:verified');
    this.#tell(instance.name, { type: 'verified', generation, passed: true, message: `${verify.length} verified` });
  }

  // -------------------------------------------------------------------------------------------- ending

  async #gone(life: { instance: string; generation: number }, ended: Promise<readonly ProcessInfo[]>): Promise<void> {
    try {
      const left = await ended;
      failpoint('supervisor:tree-gone');
      this.#tell(life.instance, { type: 'gone', generation: life.generation, left });
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      if (error.failure.kind !== 'unreachable') {
        setTimeout(() => void this.#gone(life, this.#means.lives.kill(life)), KILL_AGAIN_MS);
        return;
      }
      // The keeper went away in the middle; what is left of the life is looked at again with the next keeper.
    }
  }

  // -------------------------------------------------------------------------------------------- checks and timers

  /** Carries out the checks that concern what was asked for. */
  runChecks(system: SystemState, checks: readonly CheckConfig[]): Promise<CheckOutcome[]> {
    return Promise.all(
      checks
        .filter((check) => isAskedFor(system, check.organ))
        .map((check) => {
          const instance = check.organ === null ? undefined : instancesOf(system, check.organ)[0];
          return runCheck(check, instance ? this.#place(system, instance) : this.#filesPlace(system));
        }),
    );
  }

  /** Where a check is carried out that concerns no organ: the file's folder, as its paths are relative to that. */
  #filesPlace({ config }: SystemState): CheckPlace {
    const env = { ...(process.env as Record<string, string>), AZORA_SYSTEM: config.name };
    return { endpointOf: this.#endpointOf, cwd: dirname(config.file), env };
  }

  async #escalate(system: SystemState, findings: readonly Finding[], threatLevel: ThreatLevel): Promise<void> {
    const { escalate } = system.config.security;
    if (!escalate) return;
    const answer = await askForDecision(this.#endpointOf(escalate.organ), escalate.path, {
      threatLevel,
      findings: this.#means.hide(findings),
      system: {
        name: system.config.name,
        phase: system.boot.phase,
        status: systemStatus(system),
        organs: Object.values(system.config.organs).map(({ name, critical }) => ({ organ: name, critical })),
      },
    });
    this.#means.dispatch({ type: 'decision', answer });
  }

  async #runChecks(system: SystemState): Promise<void> {
    failpoint('supervisor:before-checks');
    const checks = await this.runChecks(system, system.config.checks);
    failpoint('supervisor:checked');
    this.#means.recordChecks(system.boot.bootId, checks);
    this.#means.dispatch({ type: 'checked', passed: checks.every((check) => check.passed), checks });
  }

  readonly #endpointOf = (organ: string): Endpoint | undefined =>
    this.#means.endpoints.endpointOf(organ) ?? this.#means.endpoints.endpointOf(`${organ}-1`);

  #place(system: SystemState, instance: Instance): CheckPlace {
    return {
      endpointOf: this.#endpointOf,
      cwd: system.config.organs[instance.organ]!.cwd,
      env: environment(system.config, instance, this.#means.surroundings(system)),
    };
  }

  #setTimer(key: string, delayMs: number, run: () => void): void {
    this.#cancel(key);
    const fire = (): void => {
      this.#timers.delete(key);
      run();
    };
    // No delay (a restart at once) is none: the shortest timer takes a millisecond.
    if (delayMs <= 0) {
      const immediate = setImmediate(fire);
      this.#timers.set(key, () => clearImmediate(immediate));
    } else {
      const timer = setTimeout(fire, delayMs);
      this.#timers.set(key, () => clearTimeout(timer));
    }
  }

  #cancel(key: string): void {
    this.#timers.get(key)?.();
    this.#timers.delete(key);
  }
}

/** A check of an organ that nobody asked for (`azora up mint`, or it was stopped by hand) has nothing to say. */
function isAskedFor(system: SystemState, organ: string | null): boolean {
  if (organ === null) return true;
  return system.boot.wanted.has(organ) && instancesOf(system, organ).some((instance) => instance.desired === 'up');
}

const instanceIn = (system: SystemState, name: string): Instance => system.instances.get(name)!;
