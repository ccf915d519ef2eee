import CircuitBreaker from 'opossum';
import { OrganError, type ServiceInstance } from '../kit/index.ts';
import type { Route } from './route.ts';
import { CallerLeft, NoAnswer } from './upstream.ts';

type Action = () => Promise<unknown>;

interface Watched {
  readonly breaker: CircuitBreaker<[Action], unknown>;
  /** Its last failure was a refused connection, which costs nothing to try again. */
  refuses: boolean;
}

/** Chooses among a route's instances in turn, and keeps away from those that fail. */
export class Instances {
  readonly #watched = new Map<string, Watched>();
  readonly #turns = new Map<string, number>();
  readonly #resetMs: number;

  /** `resetMs`: how long an instance that failed is left alone before one request may try it again. */
  constructor(resetMs: number) {
    this.#resetMs = resetMs;
  }

  /**
   * The next instance that was not tried yet: the well ones in turn; then those that are Critical; then, as it may have come
   * back a moment ago, one that refused connections.
   */
  next({ prefix, instances }: Route, tried: ReadonlySet<string>): ServiceInstance | null {
    const left = instances.filter(({ url }) => !tried.has(url));
    const closed = left.filter(({ url }) => !this.isOpen(url));
    const well = closed.filter(({ health }) => health !== 'Critical');
    const refusing = left.filter(({ url }) => this.#watched.get(url)?.refuses);
    const candidates = [well, closed, refusing].find((list) => list.length > 0) ?? [];
    const turn = this.#turns.get(prefix) ?? 0;
    this.#turns.set(prefix, (turn + 1) % 1_000_000);
    return candidates[turn % Math.max(1, candidates.length)] ?? null;
  }

  /** Runs `action` against the instance, through its breaker. */
  async run<T>({ url }: ServiceInstance, action: () => Promise<T>): Promise<T> {
    const watched = this.#watch(url);
    try {
      const result = watched.breaker.opened && watched.refuses ? await action() : await watched.breaker.fire(action);
      if (watched.breaker.opened) watched.breaker.close();
      watched.refuses = false;
      return result as T;
    } catch (error) {
      if (error instanceof NoAnswer) watched.refuses = !error.wasSent;
      throw error;
    }
  }

  isOpen(url: string): boolean {
    return this.#watched.get(url)?.breaker.opened ?? false;
  }

  /** How many are left alone now. */
  get openCount(): number {
    return [...this.#watched.values()].filter(({ breaker }) => breaker.opened).length;
  }

  /** Forgets those that are nobody's any more; one that comes back begins anew. */
  keepOnly(routes: readonly Route[]): void {
    const urls = new Set(routes.flatMap(({ instances }) => instances.map(({ url }) => url)));
    for (const [url, { breaker }] of this.#watched) {
      if (urls.has(url)) continue;
      breaker.shutdown();
      this.#watched.delete(url);
    }
  }

  close(): void {
    this.keepOnly([]);
  }

  #watch(url: string): Watched {
    const known = this.#watched.get(url);
    if (known) return known;
    const breaker = new CircuitBreaker<[Action], unknown>((action) => action(), {
      timeout: false,
      volumeThreshold: 5,
      errorThresholdPercentage: 50,
      resetTimeout: this.#resetMs,
      errorFilter: (error) => error instanceof CallerLeft || error instanceof OrganError,
    });
    const watched = { breaker, refuses: false };
    this.#watched.set(url, watched);
    return watched;
  }
}
