import * as z from 'zod';
import type { BusEvent, Database, Outbox, State } from '../kit/index.ts';
import type { AuditTrail } from './audit-trail.ts';
import { judge, type Knowledge, type Movement, type Policy, type Violation } from './policy.ts';
import type { Rulebook } from './rulebook.ts';

/** What an event's data says of a movement, as far as it does. */
const Moved = z.object({
  from: z.string().nullish().catch(null),
  to: z.string().nullish().catch(null),
  amount: z.number().nullish().catch(null),
});

export type Counters = Pick<State, 'get' | 'increment'>;

/** Looks at what happens: every event into the trail, every movement before the policies. */
export class Watch {
  readonly #db: Database;
  readonly #trail: AuditTrail;
  readonly #rulebook: Rulebook;
  readonly #counters: Counters;
  readonly #outbox: Outbox;
  readonly #now: () => number;

  constructor(
    db: Database,
    parts: { trail: AuditTrail; rulebook: Rulebook; counters: Counters; outbox: Outbox; now: () => number },
  ) {
    this.#db = db;
    this.#trail = parts.trail;
    this.#rulebook = parts.rulebook;
    this.#counters = parts.counters;
    this.#outbox = parts.outbox;
    this.#now = parts.now;
  }

  /** Takes events in; one that came before is left aside. Throws, and takes none of them, while the state cannot count. */
  async take(events: readonly BusEvent[]): Promise<void> {
    const judged: { event: BusEvent; violations: Violation[] }[] = [];
    for (const event of events) {
      if (event.source === 'compliance' || this.#trail.has(sourceOf(event))) continue;
      const { from = null, to = null, amount = null } = Moved.safeParse(event.data).data ?? {};
      const movement = { type: event.type, from, to, amount };
      judged.push({ event, violations: await this.#judge(movement, { counts: true, at: event.at }) });
    }
    this.#db.transaction(() => {
      for (const { event, violations } of judged) {
        const { topic, partition, offset, id, type, key, source, data, at } = event;
        const entry = { topic, partition, offset, id, type, key, source, at, data };
        if (this.#trail.append('event', sourceOf(event), entry) === null) continue;
        for (const violation of violations) this.#note({ ...violation, event: id, type });
      }
    })();
  }

  /** Whether a movement that has not been made yet would break a policy; asking is kept in the trail. */
  async check(movement: Movement, by: string): Promise<{ allowed: boolean; violations: Violation[]; entry: number }> {
    const violations = await this.#judge(movement, { counts: false, at: this.#now() });
    const allowed = violations.length === 0;
    const link = this.#db.transaction(() =>
      this.#trail.append('check', `check ${crypto.randomUUID()}`, { ...movement, by, allowed, violations }),
    )();
    return { allowed, violations, entry: link?.seq ?? 0 };
  }

  #note(violation: Violation & { event: string; type: string }): void {
    this.#trail.append('violation', `violation ${violation.policy} ${violation.event}`, violation);
    this.#outbox.add('policy-violated', violation, { key: violation.policy });
  }

  async #judge(movement: Movement, { counts, at }: { counts: boolean; at: number }): Promise<Violation[]> {
    const knowledge: Knowledge = {
      isSanctioned: (address) => this.#rulebook.isSanctioned(address),
      countOf: (policy, payer) => this.#countOf(policy, payer, counts, at),
    };
    const violations: Violation[] = [];
    for (const policy of this.#rulebook.policies()) {
      const violation = await judge(policy, movement, knowledge);
      if (violation) violations.push(violation);
    }
    return violations;
  }

  async #countOf({ id, windowMs }: Policy & { kind: 'velocity' }, payer: string, counts: boolean, at: number) {
    const key = `compliance:velocity:${id}:${payer}:${Math.floor(at / windowMs)}`;
    if (counts) return this.#counters.increment(key, 1, { ttlMs: windowMs * 2 });
    return Number((await this.#counters.get(key)) ?? 0) + 1;
  }
}

const sourceOf = ({ topic, id }: BusEvent): string => `event ${topic} ${id}`;
