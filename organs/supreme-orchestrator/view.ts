import type { OrganSeen } from './inventory.ts';
import type { Answer } from './registry.ts';

export interface ViewOptions {
  readonly ask: () => Promise<Answer>;
  /** Told of every inventory that arrives. */
  readonly onInventory: (organs: readonly OrganSeen[]) => void;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** A view older than this is stale. */
  readonly staleAfterMs: number;
}

/** How good the view is now. An empty inventory is as good as any other. */
export type Condition =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'stale'; readonly reason: string }
  | { readonly kind: 'blind'; readonly reason: string };

/** The last inventory that the registry gave, and how old it is. */
export class View {
  readonly #options: ViewOptions;
  #organs: readonly OrganSeen[] = [];
  #seenAt: number | null = null;
  #failure: Exclude<Answer, { kind: 'ok' }> | null = null;
  #asking: Promise<Condition> | null = null;
  #closed = false;

  constructor(options: ViewOptions) {
    this.#options = options;
  }

  get organs(): readonly OrganSeen[] {
    return this.#organs;
  }

  /** Milliseconds since the inventory arrived; null before the first. */
  get ageMs(): number | null {
    return this.#seenAt === null ? null : Math.max(0, this.#options.clock() - this.#seenAt);
  }

  /** Asks the registry now; who asks meanwhile shares the answer. */
  refresh(): Promise<Condition> {
    this.#asking ??= this.#refresh().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** The condition, after asking once more when it is not fresh: the registry may be back. */
  async examine(): Promise<Condition> {
    const condition = this.condition();
    return condition.kind === 'fresh' ? condition : this.refresh();
  }

  /** An answer that arrives later is left aside. */
  close(): void {
    this.#closed = true;
  }

  condition(): Condition {
    const { ageMs } = this;
    if (this.#failure?.kind === 'unreachable') return { kind: 'blind', reason: this.#failure.reason };
    if (ageMs === null) return { kind: 'blind', reason: this.#failure?.reason ?? 'the registry was not asked yet' };
    if (this.#failure) return { kind: 'stale', reason: `the view is ${seconds(ageMs)} old: ${this.#failure.reason}` };
    if (ageMs <= this.#options.staleAfterMs) return { kind: 'fresh' };
    return { kind: 'stale', reason: `the view is ${seconds(ageMs)} old, over ${seconds(this.#options.staleAfterMs)}` };
  }

  async #refresh(): Promise<Condition> {
    const answer = await this.#options.ask();
    if (this.#closed) return { kind: 'blind', reason: 'the view is closed' };
    if (answer.kind === 'ok') {
      this.#organs = answer.organs;
      this.#seenAt = this.#options.clock();
      this.#failure = null;
      this.#options.onInventory(answer.organs);
    } else {
      this.#failure = answer;
    }
    return this.condition();
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
