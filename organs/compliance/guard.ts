import * as z from 'zod';
import { type Health, messageOf, type State, type SubscriptionStatus } from '../kit/index.ts';
import { type AuditTrail, GENESIS, type Head, type Verdict } from './audit-trail.ts';

const ANCHOR = 'compliance:anchor';
const Anchor = z.object({ seq: z.int().min(0), hash: z.string() });

export type Anchors = Pick<State, 'get' | 'set'>;

/**
 * Keeps watch over the trail. Its head is anchored in the shared state from time to time: whoever writes the whole trail anew,
 * or cuts its end off, would have to change that too.
 */
export class Guard {
  readonly #trail: AuditTrail;
  readonly #anchors: Anchors;
  #verdict: Verdict | undefined;
  #seenVersion = -1;
  #anchored: Head | null = null;

  constructor(trail: AuditTrail, anchors: Anchors) {
    this.#trail = trail;
    this.#anchors = anchors;
  }

  /** Computes everything anew, against the last anchor. Throws Unavailable when the state cannot be reached. */
  async verify(): Promise<Verdict & { anchor: Head | null }> {
    this.#anchored = await this.#readAnchor();
    this.#seenVersion = this.#trail.foreignVersion;
    this.#verdict = await this.#trail.verify(this.#anchored);
    return { ...this.#verdict, anchor: this.#anchored };
  }

  /** What is known without much work: the whole trail is only read again when somebody else has written to its file. */
  async verdict(): Promise<Verdict> {
    const version = this.#trail.foreignVersion;
    if (!this.#verdict || version !== this.#seenVersion) {
      this.#anchored ??= await this.#readAnchor().catch(() => null); // without the state, the chain alone is verified
      this.#seenVersion = version;
      this.#verdict = await this.#trail.verify(this.#anchored);
    }
    return this.#verdict;
  }

  /** Anchors the head, unless the trail is broken: a false head must not become the measure of what is true. */
  async anchor(): Promise<Head | null> {
    const head = this.#trail.head();
    this.#anchored ??= await this.#readAnchor();
    if (head.seq === (this.#anchored?.seq ?? 0)) return null;
    if (!(await this.verdict()).valid || !(await this.#trail.verify(null, this.#anchored ?? GENESIS)).valid)
      return null;
    await this.#anchors.set(ANCHOR, JSON.stringify(head));
    this.#anchored = head;
    return head;
  }

  async #readAnchor(): Promise<Head | null> {
    const text = await this.#anchors.get(ANCHOR);
    return text === null ? null : Anchor.parse(JSON.parse(text));
  }
}

/** Events that may wait before the trail counts as behind, and for how long the bus may be away. */
export interface LagLimits {
  readonly events: number;
  readonly ms: number;
}

export async function healthOf(
  guard: Guard,
  trail: AuditTrail,
  { status, limits }: { status: SubscriptionStatus; limits: LagLimits },
): Promise<Health> {
  const silentMs = status.connected ? 0 : performance.now() - status.contactAt;
  const metrics = { entries: trail.head().seq, lag: status.lag, silentSeconds: Math.round(silentMs / 1000) };
  const verdict = await guard.verdict().catch((error) => ({ valid: false as const, reason: messageOf(error) }));
  if (!verdict.valid) return { status: 'fail', reason: `the audit trail is broken: ${verdict.reason}`, metrics };
  if (silentMs > limits.ms) {
    const why = status.failure ? `: ${status.failure}` : '';
    return { status: 'warn', reason: `audit lag: no word from the bus for ${metrics.silentSeconds} s${why}`, metrics };
  }
  if (status.lag > limits.events) return { status: 'warn', reason: `audit lag: ${status.lag} events wait`, metrics };
  return { status: 'pass', metrics };
}
