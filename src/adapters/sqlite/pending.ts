import type { SystemEvent } from '../../core/events.ts';
import type { Desired, InstanceStatus } from '../../core/status.ts';
import type { BootRow, CheckRow, ExitRow, HealthRow, MetricRow, OrganRow } from './rows.ts';

/** Most rows of each kind that wait for a disk which cannot be written; some minutes of a large system. */
const MOST_WAITING = 20_000;

/**
 * What is to be written, in memory. Of what has only a latest value the newer replaces the older, so it is bounded by the
 * size of the system; histories are bounded by count, and the oldest go first.
 */
export class Pending {
  readonly boots = new Map<string, BootRow>();
  readonly bootEnds = new Map<string, Pick<BootRow, 'endedAt' | 'how'>>();
  /** Replaces the whole list when set. */
  organs: readonly OrganRow[] | null = null;
  /** null: removed. */
  readonly instances = new Map<string, InstanceStatus | null>();
  readonly health = new Map<string, HealthRow>();
  /** null: cleared. */
  readonly desired = new Map<string, Desired | null>();
  readonly facts = new Map<string, string | null>();

  readonly events: SystemEvent[] = [];
  readonly healthLog: HealthRow[] = [];
  readonly exits: ExitRow[] = [];
  readonly checks: CheckRow[] = [];
  readonly metrics: MetricRow[] = [];

  /** Rows that were given up because the disk could not be written for so long. */
  dropped = 0;

  get isEmpty(): boolean {
    return (
      this.organs === null &&
      this.#maps().every((map) => map.size === 0) &&
      this.#lists().every((list) => list.length === 0)
    );
  }

  append<Row>(list: Row[], rows: readonly Row[]): void {
    for (const row of rows) list.push(row);
    // Cut well below the limit, so that a long outage does not cut at every row.
    if (list.length > MOST_WAITING) this.dropped += list.splice(0, list.length - MOST_WAITING * 0.9).length;
  }

  clear(): void {
    this.organs = null;
    for (const map of this.#maps()) map.clear();
    for (const list of this.#lists()) list.length = 0;
    this.dropped = 0;
  }

  #maps(): Map<string, unknown>[] {
    return [this.boots, this.bootEnds, this.instances, this.health, this.desired, this.facts];
  }

  #lists(): unknown[][] {
    return [this.events, this.healthLog, this.exits, this.checks, this.metrics];
  }
}
