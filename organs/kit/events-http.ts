import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { Client } from './client.ts';
import { BadGateway, messageOf, Unavailable } from './errors.ts';
import type { Backend, BusEvent, EventBody, Handler, Position, Progress, SubscribeOptions } from './events.ts';

const Published = z.object({
  positions: z.array(z.object({ id: z.string(), partition: z.number(), offset: z.number() })),
});
const Joined = z.object({ member: z.string() });
const Polled = z.object({
  events: z.array(
    z.object({
      topic: z.string(),
      partition: z.number(),
      offset: z.number(),
      id: z.string(),
      type: z.string(),
      key: z.string().nullable(),
      data: z.unknown(),
      at: z.number(),
      source: z.string(),
    }),
  ),
  lag: z.number(),
  partitions: z.number(),
});

const WAIT_MS = 20_000;
/** Events in one request, and about their characters: the bus takes no more. */
const BATCH = 500;
const BATCH_CHARACTERS = 2 * 1024 * 1024;

/** The organ `event-bus`, over HTTP. */
export function connectBus(client: Client, isShared: boolean, env: NodeJS.ProcessEnv): Backend {
  let subscriptions = 0;
  return {
    async publish(topic, events, deadlineMs) {
      const deadline = performance.now() + deadlineMs;
      const positions: Position[] = [];
      for (const batch of batches(events)) positions.push(...(await publishBatch(client, topic, batch, deadline)));
      return positions;
    },
    consume(options, handle, progress, stop) {
      // The same name after a restart, so that the bus need not wait for the session of the life before to end.
      const instance = env.AZORA_INSTANCE && `${env.AZORA_INSTANCE} ${subscriptions++}`;
      return consume(client, options, instance, handle, progress, stop);
    },
    async close() {
      if (!isShared) client.close();
    },
  };
}

/** Sends until it is acknowledged; the bus knows by the ids what it has already. */
async function publishBatch(client: Client, topic: string, events: readonly EventBody[], deadline: number) {
  for (let attempt = 0; ; attempt++) {
    try {
      const timeoutMs = Math.max(1, Math.min(5000, deadline - performance.now()));
      const options = { method: 'POST', json: { events }, timeoutMs };
      return (await client.callJson('event-bus', `/topics/${topic}/events`, Published, options)).positions;
    } catch (error) {
      if (!isPassing(error)) throw error;
      const pause = backoff(attempt);
      if (performance.now() + pause >= deadline) {
        throw new Unavailable(`the event bus did not acknowledge in time: ${messageOf(error)}`, { cause: error });
      }
      await sleep(pause);
    }
  }
}

async function consume(
  client: Client,
  { topics, group, from, maxEvents, sessionTimeoutMs }: Required<SubscribeOptions>,
  instance: string | undefined,
  handle: Handler,
  progress: Progress,
  stop: AbortSignal,
): Promise<void> {
  const path = `/groups/${group}/members` as const;
  const send = (at: `/${string}`, json: unknown, method = 'POST', timeoutMs = 2000) =>
    client.call('event-bus', at, { method, json, timeoutMs });
  const post = <S extends z.ZodType>(at: `/${string}`, schema: S, json: unknown, timeoutMs?: number) =>
    client.callJson('event-bus', at, schema, { method: 'POST', json, ...(timeoutMs ? { timeoutMs } : {}) });

  let member: string | undefined;
  let isNew = true;
  let failures = 0;
  let isHandlerFailing = false;
  const leave = () => void (member && send(`${path}/${member}`, undefined, 'DELETE').catch(() => {})); // its session ends anyway
  let isHandling = false;
  const onStop = () => {
    if (!isHandling) leave(); // which ends the poll that waits
  };
  stop.addEventListener('abort', onStop);

  let commit: { topic: string; partition: number; offset: number }[] = [];
  while (!stop.aborted) {
    try {
      if (!member) {
        commit = [];
        const joining = { topics, from, sessionTimeoutMs, ...(instance ? { instance } : {}) };
        member = (await post(path, Joined, joining)).member;
        isNew = true;
        if (stop.aborted) break;
      }
      const polling = { commit, max: maxEvents, waitMs: isNew ? 0 : WAIT_MS }; // the first tells at once how things stand
      const { events, lag, partitions } = await post(`${path}/${member}/poll`, Polled, polling, WAIT_MS + 5000);
      commit = [];
      isNew = false;
      progress({ connected: true, lag, partitions, ...(isHandlerFailing ? {} : { failure: undefined }) });
      if (!isHandlerFailing) failures = 0;
      if (events.length === 0 || stop.aborted) continue;
      isHandling = true;
      await whileBeating(
        sessionTimeoutMs / 3,
        () => send(`${path}/${member}/heartbeat`, undefined),
        () => handle(events as BusEvent[]),
      );
      commit = ends(events as BusEvent[]);
      isHandlerFailing = false;
      failures = 0;
      progress({ failure: undefined, lag: Math.max(0, lag - events.length) });
    } catch (error) {
      if (stop.aborted) break;
      if (isHandling) isHandlerFailing = true;
      const isGone = !isHandling && error instanceof BadGateway && error.upstreamStatus === 404;
      if (isGone) member = undefined;
      else progress({ ...(isHandling ? {} : { connected: false }), failure: messageOf(error) });
      await sleep(backoff(failures++), undefined, { signal: stop }).catch(() => {}); // stopped: the loop sees it
    } finally {
      isHandling = false;
    }
  }
  stop.removeEventListener('abort', onStop);
  if (member && commit.length > 0) await send(`${path}/${member}/poll`, { commit, waitMs: 0, max: 1 }).catch(() => {}); // then they come again
  leave();
}

/** The commit that says that these events are done. */
function ends(events: readonly BusEvent[]) {
  const byPartition = Map.groupBy(events, ({ topic, partition }) => `${topic}/${partition}`);
  return [...byPartition.values()].map((own) => {
    const { topic, partition, offset } = own.at(-1)!;
    return { topic, partition, offset: offset + 1 };
  });
}

/** Tells the bus that this member is alive for as long as the work takes. */
async function whileBeating(everyMs: number, beat: () => Promise<unknown>, work: () => Promise<void> | void) {
  const timer = setInterval(() => beat().catch(() => {}), everyMs); // the next poll finds out whether the session ended
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
}

function* batches(events: readonly EventBody[]): Generator<EventBody[]> {
  let batch: EventBody[] = [];
  let characters = 0;
  for (const event of events) {
    const size = JSON.stringify(event).length;
    if (batch.length > 0 && (batch.length >= BATCH || characters + size > BATCH_CHARACTERS)) {
      yield batch;
      batch = [];
      characters = 0;
    }
    batch.push(event);
    characters += size;
  }
  yield batch;
}

/** Whether trying again may help: nobody was there, or who was there had trouble. */
function isPassing(error: unknown): boolean {
  if (error instanceof BadGateway) return error.upstreamStatus >= 500 || error.upstreamStatus === 429;
  return error instanceof Unavailable;
}

function backoff(attempt: number): number {
  return Math.min(50 * 2 ** attempt, 2000) * (0.75 + Math.random() / 2);
}
