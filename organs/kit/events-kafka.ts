import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Batch,
  type Consumer,
  type ICustomPartitioner,
  Kafka,
  logLevel,
  type Message,
  Partitioners,
} from 'kafkajs';
import { messageOf, Unavailable } from './errors.ts';
import {
  type Backend,
  type BusEvent,
  EventBody,
  type Handler,
  type Progress,
  type SubscribeOptions,
} from './events.ts';

/** How often '*' looks for topics that are new. */
const TOPICS_MS = 5000;
const RETRY = { initialRetryTime: 100, maxRetryTime: 2000, retries: 5 };

/** A Kafka, through kafkajs. An event is a message whose value is the event's JSON, so `id` tells what came twice. */
export function connectKafka(brokers: string[], source: string): Backend {
  const kafka = new Kafka({
    clientId: source,
    brokers,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2000,
    retry: RETRY,
  });
  const chosen = new WeakMap<Message, number>();
  const createPartitioner: ICustomPartitioner = () => {
    const partition = Partitioners.DefaultPartitioner();
    return (args) => {
      const number = partition(args);
      chosen.set(args.message, number);
      return number;
    };
  };
  // One request at a time keeps the order when it is sent again; its events may then be there twice, under one id.
  // (kafkajs calls its idempotent producer experimental, and it insists on a controller that is itself a broker.)
  const producer = kafka.producer({ maxInFlightRequests: 1, createPartitioner });
  let connected: Promise<void> | undefined;

  return {
    async publish(topic, events, deadlineMs) {
      const deadline = performance.now() + deadlineMs;
      const messages = events.map((event) => ({ key: event.key, value: JSON.stringify(event) }));
      const send = async () => {
        connected ??= producer.connect();
        await connected;
        return producer.send({ topic, messages, acks: -1 });
      };
      for (;;) {
        try {
          const records = await within(deadline - performance.now(), send());
          const next = new Map(records.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]));
          return messages.map((message, i) => {
            const partition = chosen.get(message) ?? 0;
            const offset = next.get(partition) ?? 0;
            next.set(partition, offset + 1);
            return { id: events[i]!.id, partition, offset };
          });
        } catch (error) {
          connected = undefined;
          if (performance.now() + 200 < deadline) await sleep(100);
          else throw new Unavailable(`kafka did not acknowledge in time: ${messageOf(error)}`, { cause: error });
        }
      }
    },

    async consume(options, handle, progress, stop) {
      for (let failures = 0; !stop.aborted; ) {
        const consumer = kafka.consumer({
          groupId: options.group,
          sessionTimeout: options.sessionTimeoutMs,
          heartbeatInterval: options.sessionTimeoutMs / 3,
          maxWaitTimeInMs: 1000,
        });
        try {
          await session(kafka, consumer, options, handle, progress, stop);
          failures = 0;
        } catch (error) {
          progress({ connected: false, failure: messageOf(error) });
          const pause = Math.min(100 * 2 ** failures++, 2000);
          await sleep(pause, undefined, { signal: stop }).catch(() => {}); // stopped: the loop sees it
        } finally {
          await consumer.disconnect().catch(() => {}); // the group notices a silent member by itself
        }
      }
    },

    async close() {
      await connected?.catch(() => {}); // it never was connected
      await producer.disconnect();
    },
  };
}

/** One life of a consumer: until it is stopped, '*' means other topics than before, or it cannot go on (it throws). */
async function session(
  kafka: Kafka,
  consumer: Consumer,
  options: Required<SubscribeOptions>,
  handle: Handler,
  progress: Progress,
  stop: AbortSignal,
): Promise<void> {
  const crashed = Promise.withResolvers<never>();
  crashed.promise.catch(() => {}); // it is raced with below
  const lags = new Map<string, number>();
  const lag = () => lags.values().reduce((sum, own) => sum + own, 0);
  consumer.on('consumer.crash', ({ payload }) => {
    progress({ connected: false, failure: messageOf(payload.error) });
    if (!payload.restart) crashed.reject(payload.error);
  });
  consumer.on('consumer.group_join', ({ payload }) => {
    lags.clear();
    const partitions = Object.values(payload.memberAssignment).reduce((sum, own) => sum + own.length, 0);
    progress({ connected: true, partitions, lag: 0, failure: undefined });
  });
  consumer.on('consumer.fetch', () => progress({ connected: true, lag: lag() }));

  const topics = await topicsOf(kafka, options.topics);
  progress({ connected: true });
  if (topics.length > 0) {
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: options.from === 'earliest' });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, heartbeat, resolveOffset, isRunning, isStale }) => {
        for (let start = 0; start < batch.messages.length; start += options.maxEvents) {
          const events = eventsOf(batch, start, start + options.maxEvents);
          const { offset } = events.at(-1)!;
          const goesOn = () => isRunning() && !isStale() && !stop.aborted;
          if (!(await untilDone(() => handle(events), heartbeat, options.sessionTimeoutMs / 3, goesOn, progress)))
            return;
          resolveOffset(String(offset));
          await consumer.commitOffsets([
            { topic: batch.topic, partition: batch.partition, offset: String(offset + 1) },
          ]);
          lags.set(`${batch.topic}/${batch.partition}`, Number(batch.highWatermark) - offset - 1);
          progress({ connected: true, failure: undefined, lag: lag() });
        }
      },
      eachBatchAutoResolve: false,
    });
  }
  const changed = untilChanged(kafka, options.topics, topics, stop);
  await Promise.race([crashed.promise, changed]);
}

/** Calls the handler until it does not throw. False when the partition went to another meanwhile, or all is stopped. */
async function untilDone(
  work: () => Promise<void> | void,
  heartbeat: () => Promise<void>,
  beatMs: number,
  goesOn: () => boolean,
  progress: Progress,
): Promise<boolean> {
  const timer = setInterval(() => heartbeat().catch(() => {}), beatMs); // kafkajs sees the same failure and rejoins
  try {
    for (let failures = 0; goesOn(); failures++) {
      try {
        await work();
        return true;
      } catch (error) {
        progress({ failure: messageOf(error) });
        await sleep(Math.min(50 * 2 ** failures, 2000));
      }
    }
    return false;
  } finally {
    clearInterval(timer);
  }
}

async function topicsOf(kafka: Kafka, wanted: readonly string[]): Promise<string[]> {
  if (!wanted.includes('*')) return [...wanted];
  const admin = kafka.admin();
  try {
    await admin.connect();
    return (await admin.listTopics()).filter((topic) => !topic.startsWith('__')).sort();
  } finally {
    await admin.disconnect();
  }
}

async function untilChanged(kafka: Kafka, wanted: readonly string[], before: readonly string[], stop: AbortSignal) {
  while (!stop.aborted) {
    const pause = before.length === 0 ? 1000 : TOPICS_MS;
    await sleep(wanted.includes('*') ? pause : 2 ** 30, undefined, { signal: stop }).catch(() => {}); // stopped
    if (stop.aborted || (await topicsOf(kafka, wanted)).join() !== before.join()) return;
  }
}

function eventsOf({ topic, partition, messages }: Batch, start: number, end: number): BusEvent[] {
  return messages.slice(start, end).map(({ offset, key, value, timestamp }) => {
    const position = { topic, partition, offset: Number(offset) };
    const text = value?.toString() ?? 'null';
    const event = EventBody.safeParse(parse(text));
    if (event.success) return { ...position, ...event.data };
    // Written by someone else, in a form of their own.
    const id = `${topic}/${partition}/${offset}`;
    return {
      ...position,
      id,
      type: 'foreign',
      key: key?.toString() ?? null,
      data: text,
      at: Number(timestamp),
      source: 'kafka',
    };
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no event of ours
  }
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const late = new AbortController();
  work.catch(() => {}); // when it is late nobody listens any more
  try {
    const timer = sleep(Math.max(0, timeoutMs), undefined, { signal: late.signal });
    return await Promise.race([
      work,
      timer.then(() => {
        throw new Error(`no answer within ${Math.round(timeoutMs)} ms`);
      }),
    ]);
  } finally {
    late.abort();
  }
}
