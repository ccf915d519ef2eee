import { statfs } from 'node:fs';
import { promisify } from 'node:util';
import { monotonic } from '../adapters/clock.ts';
import type { Verdict } from '../core/health.ts';

/** How azora itself is: what keeps it from doing its work as it should. */

const LOOK_EVERY_MS = 5_000;
/** An event loop that stood still for longer than this was not watching anything meanwhile. */
const STALL_MS = 5_000;
/** How long a stall is worth being told of. */
const STALL_REMEMBERED_MS = 30_000;
const LEAST_FREE_BYTES = 50 * 1024 * 1024;
/** Every so many looks the keeper is asked for a sign of life: its death is noticed at once, its standing still is not. */
const KEEPER_EVERY = 3;

type Source = 'database' | 'keeper' | 'event-loop' | 'disk' | `logs:${string}`;

export class SelfHealth {
  readonly #tell: (verdict: Verdict) => void;
  readonly #troubles = new Map<Source, string>();
  readonly #folder: string;
  readonly #askKeeper: () => Promise<string | null>;
  #looks = 0;
  #asking = false;
  /** The longest stall in the last look, ms: what /metrics shows. */
  lagMs = 0;
  #lookedAt = monotonic();

  /**
   * @param folder of which the disk must not be full
   * @param tell is called when the verdict changes
   * @param askKeeper answers what is wrong with the keeper; null: nothing
   */
  constructor(folder: string, tell: (verdict: Verdict) => void, askKeeper: () => Promise<string | null>) {
    this.#folder = folder;
    this.#tell = tell;
    this.#askKeeper = askKeeper;
    setInterval(() => void this.#look(), LOOK_EVERY_MS).unref();
  }

  trouble(source: Source, reason: string): void {
    if (this.#troubles.get(source) === reason) return;
    this.#troubles.set(source, reason);
    this.#say();
  }

  over(source: Source): void {
    if (this.#troubles.delete(source)) this.#say();
  }

  #say(): void {
    const reasons = [...this.#troubles.values()];
    this.#tell(
      reasons.length === 0 ? { level: 'Healthy', reason: null } : { level: 'Degraded', reason: reasons.join('; ') },
    );
  }

  async #look(): Promise<void> {
    const now = monotonic();
    this.lagMs = Math.max(0, now - this.#lookedAt - LOOK_EVERY_MS);
    this.#lookedAt = now;
    if (this.lagMs > STALL_MS) {
      this.trouble(
        'event-loop',
        `azora stood still for ${Math.round(this.lagMs / 1000)} s (paused, suspended or overloaded)`,
      );
      setTimeout(() => this.over('event-loop'), STALL_REMEMBERED_MS).unref();
    }
    if (++this.#looks % KEEPER_EVERY === 0) void this.#lookAtKeeper();
    await this.#lookAtDisk();
  }

  async #lookAtKeeper(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const trouble = await this.#askKeeper();
    this.#asking = false;
    if (trouble === null) this.over('keeper');
    else this.trouble('keeper', trouble);
  }

  async #lookAtDisk(): Promise<void> {
    try {
      const { bavail, bsize } = await promisify(statfs)(this.#folder);
      const free = bavail * bsize;
      if (free < LEAST_FREE_BYTES) {
        this.trouble('disk', `only ${Math.round(free / 1024 / 1024)} MiB are free for ${this.#folder}`);
      } else {
        this.over('disk');
      }
    } catch (error) {
      this.trouble(
        'disk',
        `${this.#folder} cannot be looked at: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}
