import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import {
  BadRequest,
  type BusEvent,
  type Health,
  NotFound,
  type Organ,
  openDatabase,
  readBody,
  readParams,
  readQuery,
} from '../kit/index.ts';
import { limitSize, probeStorage, rethrow } from '../kit/storage.ts';
import { Groups } from './groups.ts';
import { type Defaults, EventLog } from './log.ts';
import { Publisher } from './publisher.ts';
import {
  GroupPath,
  Joining,
  LastSeq,
  MemberPath,
  NewTopic,
  PartitionPath,
  Polling,
  Publication,
  Reading,
  Streaming,
  TopicPath,
} from './requests.ts';
import { migrations } from './schema.ts';
import { Waiters } from './waiters.ts';

export interface EventBusOptions {
  readonly folder: string;
  /** For topics that are made by their first event; default 4 partitions, 7 days. */
  readonly defaults?: Partial<Defaults>;
  /** A group with more events than this before it is far behind, default 10,000. */
  readonly lagWarn?: number;
  /** So is one whose next event has waited longer than this, default 5 minutes. */
  readonly ageWarnMs?: number;
  /** Bytes that the database may grow to; default no limit but the disk. */
  readonly maxBytes?: number;
  /** How often old events and groups are forgotten, default every minute. */
  readonly sweepMs?: number;
  readonly now?: () => number;
}

const DAY_MS = 24 * 3600 * 1000;
const IDLE_GROUP_MS = 7 * DAY_MS;
const KEEP_ALIVE_MS = 15_000;

/** The event bus: keeps events by topic and partition, and hands them to groups of consumers, at least once. */
export function eventBus(options: EventBusOptions): Organ {
  const { folder, maxBytes, lagWarn = 10_000, ageWarnMs = 300_000, sweepMs = 60_000, now = Date.now } = options;
  const defaults = { partitions: 4, retentionMs: 7 * DAY_MS, ...options.defaults };
  const db = openDatabase(folder, 'events', migrations);
  // An event is acknowledged only once it would survive a power cut. NORMAL, in WAL, syncs at checkpoints only.
  db.pragma('synchronous = FULL');
  if (maxBytes !== undefined) limitSize(db, maxBytes);
  const waiters = new Waiters();
  const log = new EventLog(db, defaults, now);
  const groups = new Groups(db, log, now, () => waiters.wake());
  let topicsKnown = log.topics.length;
  const publisher = new Publisher(log, () => {
    if (log.topics.length > topicsKnown) groups.rebalanceAll();
    topicsKnown = log.topics.length;
    waiters.wake();
  });
  const stopping = new AbortController();
  /** The poll of each member: a newer one ends it. */
  const polls = new Map<string, AbortController>();

  const topics = new Hono()
    .get('/', (c) => c.json(log.topics))
    .post('/', async (c) => {
      const { name, ...given } = await readBody(c, NewTopic);
      const topic = log.create(name, { ...defaults, ...defined(given) });
      groups.rebalanceAll();
      return c.json(topic, 201);
    })
    .get('/:topic', (c) => c.json(log.topic(readParams(c, TopicPath).topic)))
    .post('/:topic/events', async (c) => {
      const { topic } = readParams(c, TopicPath);
      const { events } = await readBody(c, Publication);
      const fill = { key: null, at: now(), source: 'unknown', data: null };
      const positions = await publisher.publish(
        topic,
        events.map((event) => ({ ...fill, id: randomUUID(), ...defined(event) })),
      );
      return c.json({ topic, positions }, 201);
    })
    .get('/:topic/partitions/:partition/events', async (c) => {
      const { topic, partition } = readParams(c, PartitionPath);
      const { offset, limit, waitMs } = readQuery(c, Reading);
      if (partition >= log.topic(topic).ends.length) throw new NotFound(`${topic} has no partition ${partition}`);
      const read = () => log.read(topic, partition, offset, limit);
      const events = await waitFor(read, waitMs, AbortSignal.any([c.req.raw.signal, stopping.signal]));
      return c.json({ events, end: log.topic(topic).ends[partition] });
    });

  const consumers = new Hono()
    .get('/', (c) => c.json(groups.names.map((name) => summary(groups.describe(name)))))
    .get('/:group', (c) => c.json(groups.describe(readParams(c, GroupPath).group)))
    .delete('/:group', (c) => {
      groups.remove(readParams(c, GroupPath).group);
      return c.body(null, 204);
    })
    .post('/:group/members', async (c) => {
      const { group } = readParams(c, GroupPath);
      return c.json({ member: groups.join(group, await readBody(c, Joining)) }, 201);
    })
    .delete('/:group/members/:member', (c) => {
      const { group, member } = readParams(c, MemberPath);
      groups.leave(group, member);
      polls.get(member)?.abort();
      return c.body(null, 204);
    })
    .post('/:group/members/:member/heartbeat', (c) => {
      const { group, member } = readParams(c, MemberPath);
      groups.heartbeat(group, member);
      return c.body(null, 204);
    })
    .post('/:group/members/:member/poll', async (c) => {
      const { group, member } = readParams(c, MemberPath);
      const { commit, max, waitMs } = await readBody(c, Polling);
      const refused = groups.begin(group, member, commit);
      polls.get(member)?.abort();
      const poll = new AbortController();
      polls.set(member, poll);
      const ended = AbortSignal.any([poll.signal, c.req.raw.signal, stopping.signal]);
      const read = () => (ended.aborted && waitMs > 0 ? [] : groups.read(group, member, max));
      const before = groups.standing(group, member).partitions;
      const isOver = () => groups.standing(group, member).partitions !== before;
      const events = await waitFor(read, waitMs, ended, isOver).finally(() => {
        if (polls.get(member) !== poll) return; // a newer poll has the member's session
        polls.delete(member);
        groups.end(group, member);
      });
      if (!groups.has(group, member)) throw new NotFound(`group ${group} has no member ${member}; join again`);
      return c.json({ events, refused, ...groups.standing(group, member) });
    });

  const app = new Hono()
    .route('/topics', topics)
    .route('/groups', consumers)
    .get('/stream', (c) => {
      const query = readQuery(c, Streaming);
      const last = c.req.header('last-event-id');
      let after = query.from === 'earliest' ? 0 : log.lastSeq;
      if (last !== undefined) {
        const seq = LastSeq.safeParse(last);
        if (!seq.success) throw new BadRequest('last-event-id: must be the id of an event of this stream');
        after = seq.data;
      }
      return streamSSE(c, async (stream) => {
        const gone = new AbortController();
        stream.onAbort(() => gone.abort());
        const ended = AbortSignal.any([gone.signal, stopping.signal]);
        while (!ended.aborted) {
          const next = log.readAll(after, query.topics, 100);
          for (const { seq, event } of next) {
            if (ended.aborted) return;
            await stream.writeSSE({
              id: String(seq),
              event: event.type.replace(/[\r\n]/g, ' '),
              data: JSON.stringify(event),
            });
            after = seq;
          }
          if (next.length > 0) continue;
          const before = log.lastSeq;
          await waiters.wait(KEEP_ALIVE_MS, ended);
          if (log.lastSeq === before && !ended.aborted) await stream.write(': still here\n\n');
        }
      });
    });
  app.onError(rethrow);

  /** What `read` finds, as soon as it finds something, at the latest after `waitMs`. */
  async function waitFor(read: () => BusEvent[], waitMs: number, ended: AbortSignal, isOver = () => false) {
    const deadline = performance.now() + waitMs;
    for (;;) {
      const events = read();
      const left = deadline - performance.now();
      if (events.length > 0 || left <= 0 || ended.aborted || isOver()) return events;
      await waiters.wait(left, ended);
    }
  }

  const sweep = () => {
    if (stopping.signal.aborted) return;
    try {
      groups.forget(now() - IDLE_GROUP_MS);
      if (log.forget() > 0) setImmediate(sweep); // a bounded number at a time: others want to be served in between
    } catch (error) {
      process.stderr.write(`old events cannot be forgotten: ${error}\n`); // the health check then fails, too
    }
  };
  const sweeper = setInterval(sweep, sweepMs);
  sweeper.unref();

  const health = (): Health => {
    const writeMs = probeStorage(db);
    const described = groups.names.map((name) => groups.describe(name));
    const behind = described.flatMap(({ group, lag, partitions }) => {
      if (lag > lagWarn) return [`${group} is ${lag} events behind`];
      const waiting = partitions.filter((at) => at.lag > 0);
      const oldest = waiting.map((at) => log.receivedAt(at.topic, at.partition, at.offset) ?? Number.POSITIVE_INFINITY);
      const ageMs = now() - Math.min(...oldest);
      return ageMs > ageWarnMs ? [`an event waits for ${group} since ${Math.round(ageMs / 1000)} s`] : [];
    });
    const metrics = {
      topics: log.topics.length,
      events: log.count(),
      groups: described.length,
      members: described.reduce((sum, { members }) => sum + members.length, 0),
      maxLag: Math.max(0, ...described.map(({ lag }) => lag)),
      writeMs,
    };
    return behind.length > 0 ? { status: 'warn', reason: behind.join('; '), metrics } : { status: 'pass', metrics };
  };

  return {
    name: 'event-bus',
    app,
    health,
    maxBodyBytes: 8 * 1024 * 1024,
    stopping: () => stopping.abort(),
    close: () => {
      clearInterval(sweeper);
      groups.close();
      db.close();
    },
  };
}

function summary({ group, lag, members }: ReturnType<Groups['describe']>) {
  return { group, lag, members: members.length };
}

function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
