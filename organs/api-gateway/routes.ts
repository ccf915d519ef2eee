import { setTimeout as delay } from 'node:timers/promises';
import { type Client, log, messageOf } from '../kit/index.ts';
import { type Route, routeOf, routesOf } from './route.ts';

/** A service without instances is not in the registry. Its route is kept so long: it is down, not unknown. */
const REMEMBERED_MS = 15 * 60_000;
/** A failure makes the registry be read at once, but not more often than this. */
const SOONEST_MS = 50;

/** The routes as the registry tells them; while it is away, as they last were. */
export class Routes {
  readonly #client: Client;
  readonly #refreshMs: number;
  readonly #onRead: (routes: readonly Route[]) => void;
  #routes: readonly Route[] = [];
  #lastSeen = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | undefined;
  #isClosed = false;
  /** The latest reading. */
  #begunAt = Number.NEGATIVE_INFINITY;
  #readAt = Number.NEGATIVE_INFINITY;
  #failure: string | null = 'the registry has not been read yet';
  #complaints = '';

  constructor(client: Client, refreshMs: number, onRead: (routes: readonly Route[]) => void) {
    this.#client = client;
    this.#refreshMs = refreshMs;
    this.#onRead = onRead;
    void this.refresh();
  }

  get all(): readonly Route[] {
    return this.#routes;
  }

  /** Why the registry cannot be read, or null. */
  get failure(): string | null {
    return this.#failure;
  }

  /** The route of a path. One that is not known makes the registry be read before it is said so. */
  async of(path: string): Promise<Route | null> {
    const known = routeOf(this.#routes, path);
    if (known) return known;
    await this.refresh();
    return routeOf(this.#routes, path);
  }

  /** The route as it is now. */
  current(route: Route): Route {
    return this.#routes.find(({ prefix, organ }) => prefix === route.prefix && organ === route.organ) ?? route;
  }

  /** Reads the registry, unless that is being done; where it was done just now, it is done again soon. */
  refresh(): Promise<void> {
    if (this.#reading) return this.#reading;
    const freshMs = SOONEST_MS - (performance.now() - this.#readAt);
    if (freshMs <= 0) return this.#readNow();
    this.#planRead(Math.min(freshMs, this.#refreshMs));
    return Promise.resolve();
  }

  /**
   * Resolves when the registry has been read as it is now or later. A reading that is under way need not show that: an instance may have
   * come since it began. Reads no more often than `refresh`.
   */
  async readAnew(): Promise<void> {
    const askedAt = performance.now();
    await this.#reading;
    const freshMs = SOONEST_MS - (performance.now() - this.#readAt);
    if (this.#begunAt < askedAt && freshMs > 0) await delay(freshMs);
    await (this.#begunAt < askedAt ? this.#readNow() : this.#reading);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #readNow(): Promise<void> {
    clearTimeout(this.#timer);
    this.#begunAt = performance.now();
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined;
      this.#readAt = performance.now();
      this.#planRead(this.#refreshMs);
    });
    return this.#reading;
  }

  #planRead(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#readNow(), ms).unref();
  }

  async #read(): Promise<void> {
    try {
      const { routes, complaints } = routesOf(await this.#client.services());
      this.#routes = this.#withThoseAway(routes);
      const text = complaints.join('; ');
      if (text !== this.#complaints && text !== '') log(text);
      this.#complaints = text;
      this.#failure = null;
      this.#onRead(this.#routes);
    } catch (error) {
      const failure = messageOf(error);
      if (this.#failure !== failure) log(`the routes stay as they were: ${failure}`);
      this.#failure = failure;
    }
  }

  #withThoseAway(routes: readonly Route[]): Route[] {
    const now = performance.now();
    for (const { prefix } of routes) this.#lastSeen.set(prefix, now);
    const names = new Set(routes.map(({ organ }) => organ));
    const away = this.#routes
      .filter(({ prefix, organ }) => !names.has(organ) && !routes.some((route) => route.prefix === prefix))
      .filter(({ prefix }) => now - (this.#lastSeen.get(prefix) ?? 0) < REMEMBERED_MS)
      .map((route): Route => ({ ...route, instances: [] }));
    return [...routes, ...away].toSorted((a, b) => b.prefix.length - a.prefix.length);
  }
}
