import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { Client } from './client.ts';
import { BadRequest, messageOf } from './errors.ts';

/**
 * The event bus: topics of partitions. Events with the same key are in one partition, in the order in which they were
 * acknowledged. Delivery is at least once: whoever must count exactly looks at (topic, partition, offset), or at `id`.
 */
export interface EventBus {
  /** Resolves once the events are kept on disk; tries again, with the same ids, until `deadlineMs`. Throws Unavailable. */
  publish(topic: string, events: NewEvent | readonly NewEvent[], options?: PublishOptions): Promise<Position[]>;
  /**
   * Hands over the events of `topics` ('*': all there are and will be) as a member of `group`, whose members share the
   * partitions. What `handle` has resolved for is committed; what it threw for comes again. Goes on until `stop`.
   */
  subscribe(options: SubscribeOptions, handle: Handler): Subscription;
  /** Stops its subscriptions; waits up to 3 s for events that are being published. */
  close(): Promise<void>;
}

export interface NewEvent {
  /** What happened, e.g. `transfer-settled`. */
  readonly type: string;
  /** JSON. */
  readonly data?: unknown;
  /** Events with one key stay in order. */
  readonly key?: string;
  /** The idempotence key, default a UUID: published twice under one id, an event is kept once. */
  readonly id?: string;
  /** When it happened, milliseconds since 1970; default now. */
  readonly at?: number;
}

export interface BusEvent {
  readonly topic: string;
  readonly partition: number;
  /** Grows within a partition. */
  readonly offset: number;
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
  readonly data: unknown;
  readonly at: number;
  /** The organ that published it. */
  readonly source: string;
}

export interface Position {
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
}

export interface PublishOptions {
  /** Milliseconds after which it gives up, default 10 s. */
  readonly deadlineMs?: number;
}

export interface SubscribeOptions {
  readonly topics: readonly string[];
  readonly group: string;
  /** Where a new group begins, default earliest. */
  readonly from?: 'earliest' | 'latest';
  /** Most events in one call of the handler, default 500. */
  readonly maxEvents?: number;
  /** A member that is not heard of for so long loses its partitions to the others, default 10 s. */
  readonly sessionTimeoutMs?: number;
}

/** Gets events of one or more partitions, those of each in order, never the same partition twice at a time. */
export type Handler = (events: readonly BusEvent[]) => Promise<void> | void;

export interface Subscription {
  readonly status: SubscriptionStatus;
  /** Ends once the running call of the handler is done and committed; leaves the group. */
  stop(): Promise<void>;
}

export interface SubscriptionStatus {
  /** Whether the last contact with the bus went well. */
  readonly connected: boolean;
  /** `performance.now()` when the last contact went well, or was lost, or else of the subscription's begin. */
  readonly contactAt: number;
  /** Events that wait in this member's partitions, as of the last contact. */
  readonly lag: number;
  /** How many partitions this member has. */
  readonly partitions: number;
  /** Why there is no contact, or why the handler threw; undefined when all is well. */
  readonly failure: string | undefined;
}

export interface EventsOptions {
  /** The organ's name, the `source` of what it publishes. */
  readonly source: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly client?: Client;
}

const Name = z.string().regex(/^[a-z][a-z0-9._-]{0,99}$/, 'must be lower-case letters, digits, ".", "_" and "-"');
export const TopicName = Name;
export const GroupName = Name;
const Text = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must be without control characters');

const CLOSE_MS = 3000;
const MAX_DATA = 256 * 1024;
const Json = z.unknown().superRefine((value, context) => {
  const refuse = (message: string) => void context.addIssue({ code: 'custom', message });
  if (!isShallow(value, 100)) return refuse('must not be nested deeper than 100 levels');
  try {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) return refuse('must be JSON');
    if (text.length > MAX_DATA) return refuse(`must not be longer than ${MAX_DATA} characters of JSON`);
  } catch (error) {
    refuse(`must be JSON: ${messageOf(error)}`);
  }
});

/** An event as it is published, the same for both backends. */
export const EventBody = z.strictObject({
  id: Text,
  type: Text,
  key: Text.nullable(),
  at: z.int().min(0),
  source: Text,
  data: Json,
});
export type EventBody = z.output<typeof EventBody>;

/** The event bus: a Kafka when `KAFKA_BROKERS` (host:port, by commas) is set, else the organ `event-bus`. */
export function connectEvents(options: EventsOptions): EventBus {
  const { source, env = process.env } = options;
  const load = async () =>
    env.KAFKA_BROKERS
      ? (await import('./events-kafka.ts')).connectKafka(env.KAFKA_BROKERS.split(','), source)
      : (await import('./events-http.ts')).connectBus(
          options.client ?? new Client({ env }),
          options.client !== undefined,
          env,
        );
  return new Connection(source, load);
}

/** What a backend does; the arguments are checked. */
export interface Backend {
  publish(topic: string, events: readonly EventBody[], deadlineMs: number): Promise<Position[]>;
  /** Runs until the signal; settles once the group is left. */
  consume(options: Required<SubscribeOptions>, handle: Handler, progress: Progress, stop: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export type Progress = (change: Partial<Omit<SubscriptionStatus, 'contactAt'>>) => void;

/** Checks what is asked, loads the backend at the first use, and keeps publishes of a topic in the order of the calls. */
class Connection implements EventBus {
  readonly #source: string;
  readonly #load: () => Promise<Backend>;
  readonly #queues = new Map<string, Promise<unknown>>();
  readonly #subscriptions = new Set<Subscription>();
  #backend: Promise<Backend> | undefined;

  constructor(source: string, load: () => Promise<Backend>) {
    this.#source = source;
    this.#load = load;
  }

  async publish(topic: string, events: NewEvent | readonly NewEvent[], { deadlineMs = 10_000 }: PublishOptions = {}) {
    const bodies = [events].flat().map((event) => this.#complete(event as NewEvent));
    check(TopicName, topic, 'topic');
    if (bodies.length === 0) return [];
    const before = this.#queues.get(topic);
    const sent = this.#send(before, topic, bodies, deadlineMs);
    const settled = sent.then(
      () => {},
      () => {}, // its caller gets the error; the next in the queue only waits for it
    );
    this.#queues.set(topic, settled);
    return sent;
  }

  subscribe(options: SubscribeOptions, handle: Handler): Subscription {
    for (const topic of options.topics) if (topic !== '*') check(TopicName, topic, 'topic');
    check(GroupName, options.group, 'group');
    const settings = { from: 'earliest' as const, maxEvents: 500, sessionTimeoutMs: 10_000, ...options };
    let status: SubscriptionStatus = {
      connected: false,
      contactAt: performance.now(),
      lag: 0,
      partitions: 0,
      failure: undefined,
    };
    const progress: Progress = (change) => {
      const isLost = change.connected === false && status.connected; // until now it was well: a poll may wait for long
      const contactAt = change.connected || isLost ? performance.now() : status.contactAt;
      status = { ...status, ...change, contactAt };
    };
    const stop = new AbortController();
    const done = this.#use().then((backend) => backend.consume(settings, handle, progress, stop.signal));
    const subscription = {
      get status() {
        return status;
      },
      stop: () => {
        stop.abort();
        return done;
      },
    };
    done.catch((error) => progress({ connected: false, failure: String(error) }));
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#subscriptions].map((subscription) => subscription.stop()));
    const sent = Promise.all(this.#queues.values());
    await Promise.race([sent, sleep(CLOSE_MS, undefined, { ref: false })]); // an organ has 10 s to stop
    await (await this.#backend)?.close();
  }

  #use(): Promise<Backend> {
    this.#backend ??= this.#load();
    return this.#backend;
  }

  async #send(before: Promise<unknown> | undefined, topic: string, events: EventBody[], deadlineMs: number) {
    await before;
    return (await this.#use()).publish(topic, events, deadlineMs);
  }

  #complete({ type, data = null, key, id = randomUUID(), at = Date.now() }: NewEvent): EventBody {
    return check(
      EventBody,
      { id, type, key: key ?? null, at, source: this.#source, data: data as z.core.util.JSONType },
      'event',
    );
  }
}

function check<T>(schema: z.ZodType<T>, value: T, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const reasons = result.error.issues.map(({ path, message }) => `${[what, ...path].join('.')}: ${message}`);
  throw new BadRequest(reasons.join('; '), { details: reasons });
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}
