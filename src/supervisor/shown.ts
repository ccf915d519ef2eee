import { now } from '../adapters/clock.ts';
import type { Store } from '../adapters/sqlite/store.ts';
import type { SystemEvent } from '../core/events.ts';
import { fail } from '../core/failures.ts';
import { lifeOf } from '../core/machine/state.ts';
import { renderMetrics } from '../core/metrics.ts';
import { type Surroundings, statusDocument } from '../core/status-view.ts';
import type { Endpoints } from './endpoints.ts';
import type { History } from './history.ts';
import type { KeeperBond } from './keeper-bond.ts';
import type { LimitsKept } from './limits.ts';
import type { Redaction } from './redaction.ts';
import type { RegistryHost } from './registry-host.ts';
import type { SelfHealth } from './self-health.ts';
import type { Supervisor } from './supervisor.ts';
import { Usage, type Used } from './usage.ts';

/** What the supervisor shows of its system: to commands, to the registry's callers, to the database. */

export interface ShownMeans {
  readonly running: () => Supervisor | null;
  readonly store: Store;
  readonly history: History;
  readonly endpoints: Endpoints;
  readonly limits: LimitsKept;
  readonly redaction: Redaction;
  readonly self: SelfHealth;
  readonly registry: () => RegistryHost;
  readonly keeper: () => KeeperBond;
  /** Bytes of output that could not be kept, by instance. */
  readonly lostBytes: ReadonlyMap<string, number>;
}

export class Shown {
  readonly #means: ShownMeans;
  readonly #usage = new Usage();

  constructor(means: ShownMeans) {
    this.#means = means;
  }

  /**
   * @param usage look at what each process uses; else what is known of it
   * @throws FailureError `not-running`
   */
  status(usage = true): ReturnType<typeof statusDocument> {
    const supervisor = this.#means.running() ?? fail('not-running', 'nothing is running', 'azora up');
    return statusDocument(supervisor.state, usage ? this.surroundings() : this.recorded());
  }

  /** As Prometheus reads them. */
  metrics(): string {
    const { lostBytes, history, self } = this.#means;
    return renderMetrics({
      status: this.status(),
      lostLogBytes: lostBytes,
      lastEventId: history.lastId,
      loopLagSeconds: self.lagMs / 1000,
    });
  }

  /** From the database what is not at hand any more. */
  eventsAfter(id: number): readonly SystemEvent[] {
    const { history, store } = this.#means;
    return id + 1 < history.firstKept ? store.events({ sinceId: id }) : history.after(id);
  }

  usageOf(instance: string, pid: number): Used {
    const at = now().mono;
    const known = this.#means.running()?.state.instances.get(instance);
    return this.#usage.of(instance, pid, (known && lifeOf(known))?.since.mono ?? at, at);
  }

  /** For what is written down at each change: it does not ask the machine. */
  recorded(): Surroundings {
    return { ...this.surroundings(), usageOf: (instance, pid) => this.#usage.known(instance, pid) };
  }

  surroundings(): Surroundings {
    const { running, keeper, registry, limits, redaction, endpoints } = this.#means;
    const system = running()?.state;
    return {
      now: now(),
      pid: process.pid,
      keeperPid: keeper().info?.pid ?? null,
      registryUrl: registry().url,
      limits: () => (system ? limits.status(system) : null),
      mask: redaction.text,
      portsOf: (instance) => endpoints.portsOf(instance),
      urlOf: (instance) => endpoints.urlOf(instance),
      usageOf: (instance, pid) => this.usageOf(instance, pid),
    };
  }
}
