import { monotonic } from '../../adapters/clock.ts';
import type { SystemEvent } from '../../core/events.ts';

/** How what an `up` began has come out. */
export type BootOutcome =
  | {
      readonly kind: 'ready';
      readonly failed: readonly string[];
      readonly checksPassed: boolean;
      readonly durationMs: number;
    }
  | { readonly kind: 'boot-failed'; readonly failed: readonly string[] };

export interface Awaited {
  /** A boot of the system, which its own events end; else a start of some instances of a running one. */
  readonly whole: boolean;
  readonly instances: readonly { readonly organ: string; readonly instance: string }[];
  /** The id of the last event before the request: a boot that failed before that is not the one that is awaited. */
  readonly since: number;
}

/** Finds in the stream of events when an `up` is over, and how. */
export class BootWatch {
  readonly outcome: Promise<BootOutcome>;
  readonly #awaited: Awaited;
  readonly #failed = new Set<string>();
  readonly #open: Set<string>;
  readonly #since = monotonic();
  #checksPassed = true;
  #settle: (outcome: BootOutcome) => void = () => {};

  constructor(awaited: Awaited) {
    this.#awaited = awaited;
    this.#open = new Set(awaited.instances.map(({ instance }) => instance));
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#lookAtInstances();
  }

  /** Instances of which nothing final has been heard. */
  get open(): readonly string[] {
    return [...this.#open];
  }

  event({ id, type, instance, data }: SystemEvent): void {
    switch (type) {
      case 'organ-ready':
      case 'organ-assumed-ready':
      case 'organ-completed':
        this.#failed.delete(instance ?? '');
        this.#open.delete(instance ?? '');
        break;
      case 'organ-stopped':
        this.#open.delete(instance ?? '');
        break;
      case 'organ-failed':
      case 'organ-stuck': {
        const blocked = new Set(Array.isArray(data.blocked) ? data.blocked : []);
        this.#failed.add(instance ?? '');
        this.#open.delete(instance ?? '');
        // They wait until someone acts: nothing more is going to be heard of them.
        for (const each of this.#awaited.instances) {
          if (blocked.has(each.organ) || blocked.has(each.instance)) this.#open.delete(each.instance);
        }
        break;
      }
      case 'checks-completed':
        this.#checksPassed = data.passed !== false;
        break;
      case 'system-ready':
        if (id <= this.#awaited.since) break;
        this.#ready(typeof data.durationMs === 'number' ? data.durationMs : monotonic() - this.#since);
        break;
      case 'system-boot-failed':
        if (id <= this.#awaited.since) break;
        this.#settle({ kind: 'boot-failed', failed: [...this.#failed] });
        break;
    }
    this.#lookAtInstances();
  }

  #lookAtInstances(): void {
    if (!this.#awaited.whole && this.#open.size === 0) this.#ready(monotonic() - this.#since);
  }

  #ready(durationMs: number): void {
    this.#settle({ kind: 'ready', failed: [...this.#failed], checksPassed: this.#checksPassed, durationMs });
  }
}
