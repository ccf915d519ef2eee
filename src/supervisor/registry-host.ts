import { type Door, openDoor } from '../adapters/registry/door.ts';
import type { EventSource } from '../adapters/registry/event-stream.ts';
import type { RunningRegistry } from '../adapters/registry/server.ts';
import type { OrganConfig } from '../core/config/model.ts';
import type { NewEvent } from '../core/events.ts';
import { FailureError } from '../core/failures.ts';
import { Instances } from '../core/machine/instances.ts';
import { type Instance, instanceNames, isAlive, type SystemState } from '../core/machine/state.ts';
import type { OrganEntry, RegistryView } from '../core/registry.ts';
import type { Health } from '../core/status.ts';
import { systemStatus } from '../core/status-view.ts';
import { timestamp } from '../core/time.ts';
import type { Tokens } from './tokens.ts';

/** The HTTP registry as a part of the supervisor: its port, its start beside the boot, and what it shows of the system. */

/** The server takes as long to load as forty organs to start: if nobody knocks, it is loaded when those of a boot have been. */
const LOAD_MS = 2000;

export interface RegistryMeans {
  readonly tokens: Tokens;
  readonly state: () => SystemState | null;
  readonly urlOf: (instance: string) => string | null;
  readonly say: (event: NewEvent) => void;
  readonly warn: (message: string) => void;
  /** Hides secrets. */
  readonly hide: <T>(value: T) => T;
  /** The page of `GET /metrics`. */
  readonly metrics: () => string;
  /** What `GET /events` streams. */
  readonly events: EventSource;
}

export class RegistryHost {
  readonly #means: RegistryMeans;
  /** When each instance was last entered, RFC 3339. */
  readonly #registeredAt = new Map<string, string>();
  #shown: { state: SystemState; view: RegistryView } | null = null;
  #running: Promise<RunningRegistry | null> = Promise.resolve(null);
  readonly #closing = Promise.withResolvers<void>();
  #url: string | null = null;
  #port: number | null = null;

  constructor(means: RegistryMeans) {
    this.#means = means;
  }

  /** null: none is served. */
  get url(): string | null {
    return this.#url;
  }

  get port(): number | null {
    return this.#port;
  }

  /**
   * Begins to serve, at a port that it has on return; the server itself is loaded when somebody knocks, and a little later in any
   * case (an upgrade may take its files away).
   */
  async start(config: { host: string; port: number | 'auto' }, remembered: number | null): Promise<void> {
    try {
      const door = await openDoor({ ...config, remembered });
      this.#port = door.port;
      this.#url = door.url;
      this.#running = this.#serve(door).catch((error: unknown) => {
        door.close();
        return this.#without(error);
      });
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      setImmediate(() => this.#without(error)); // by then there is a system to say it of
    }
  }

  /** The system does without a registry, and says so. */
  #without(error: unknown): null {
    this.#url = null;
    this.#means.warn(error instanceof Error ? error.message : String(error));
    return null;
  }

  /** null: closed before anybody has knocked. */
  async #serve(door: Door): Promise<RunningRegistry | null> {
    let timer: NodeJS.Timeout | undefined;
    const isTime = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LOAD_MS);
    });
    const wanted = await Promise.race([
      Promise.race([door.knock, isTime]).then(() => true),
      this.#closing.promise.then(() => false),
    ]);
    clearTimeout(timer);
    if (!wanted) {
      door.close();
      return null;
    }
    const { startRegistry } = await import('../adapters/registry/server.ts');
    return startRegistry({
      door,
      view: () => this.#view(),
      hide: this.#means.hide,
      metrics: this.#means.metrics,
      events: this.#means.events,
      verifyToken: (token) => this.#means.tokens.bearerOf(token),
      onRegistered: ({ name, url, owner }) => this.#registered(name, url, owner.organ, owner.instance),
      onWithdrawn: ({ name, owner }, why) =>
        this.#means.warn(
          `the service ${name}, registered by ${owner.instance}, is ${why === 'ended' ? 'gone with it' : why}`,
        ),
      log: (message) => this.#means.warn(message),
    });
  }

  /** Enters what has become reachable and withdraws what has not stayed so. */
  onChanged(before: SystemState | null, after: SystemState): void {
    const changed = before ? Instances.changed(before.instances, after.instances) : after.instances.values();
    for (const instance of changed) {
      if (!isAlive(instance)) this.#forget(instance.name);
      const url = this.#means.urlOf(instance.name);
      if (url === null) continue;
      const is = isReachable(instance);
      if (is === this.#registeredAt.has(instance.name)) continue;
      this.#shown = null; // somebody may have looked since the change, and seen it without this entry
      if (is) {
        this.#registeredAt.set(instance.name, timestamp(Date.now()));
        this.#registered(instance.organ, url, instance.organ, instance.name);
      } else {
        this.#registeredAt.delete(instance.name);
      }
    }
  }

  /** What an instance registered itself goes with it. */
  #forget(instance: string): void {
    void this.#running.then((registry) => registry?.forget(instance));
  }

  #registered(name: string, url: string, organ: string, instance: string): void {
    this.#means.say({
      type: 'service-registered',
      organ,
      instance,
      message: `${name} is registered at ${url}`,
      data: { name, url },
    });
  }

  async close(): Promise<void> {
    this.#closing.resolve();
    await (await this.#running)?.close();
  }

  /** The same object as long as nothing has changed. */
  #view(): RegistryView {
    const state = this.#means.state();
    if (!state) return { status: 'Offline', organs: [] };
    if (this.#shown?.state !== state) this.#shown = { state, view: this.#draw(state) };
    return this.#shown.view;
  }

  #draw(state: SystemState): RegistryView {
    return {
      status: systemStatus(state),
      organs: Object.values(state.config.organs).map((organ) => {
        const instances = instanceNames(organ).flatMap((name) => state.instances.get(name) ?? []);
        return this.#entry(organ, instances);
      }),
    };
  }

  #entry({ name, category, route, labels }: OrganConfig, instances: readonly Instance[]): OrganEntry {
    const entries = instances.map((instance) => ({
      instance: instance.name,
      url: isReachable(instance) ? this.#means.urlOf(instance.name) : null,
      health: instance.verdict.level,
    }));
    const reachable = entries.filter((entry) => entry.url !== null);
    // One that has just become reachable is entered a moment later: in a rolling restart its sibling goes in the same step.
    const entered = reachable.find(({ instance }) => this.#registeredAt.has(instance)) ?? reachable[0];
    return {
      name,
      category,
      health: worst(entries.map((entry) => entry.health)),
      url: reachable[0]?.url ?? null,
      instances: entries,
      registeredAt: entered ? (this.#registeredAt.get(entered.instance) ?? timestamp(Date.now())) : null,
      metadata: this.#means.hide({
        ...(route && { route: { ...route } }),
        ...(Object.keys(labels).length > 0 && { labels }),
      }),
    };
  }
}

const isReachable = (instance: Instance): boolean => instance.state.tag === 'ready';

function worst(levels: readonly Health[]): Health {
  for (const level of ['Critical', 'Degraded', 'Unknown'] as const) if (levels.includes(level)) return level;
  return 'Healthy';
}
