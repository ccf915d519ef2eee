import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { BusEvent } from '../kit/index.ts';
import { type RunningOrgan, startOrgan, temporaryFolder } from '../kit/testing.ts';
import { type EventBusOptions, eventBus } from './organ.ts';

const start = (options: Partial<EventBusOptions> = {}) =>
  startOrgan(eventBus({ folder: temporaryFolder(), ...options }));
const publish = async (bus: RunningOrgan, ...data: unknown[]) => {
  const { status, body } = await bus.post('/topics/t/events', {
    events: data.map((each) => ({ type: 'x', key: 'k', data: each })),
  });
  expect(status, body.message).toBe(201);
  return body.positions;
};
const join = async (bus: RunningOrgan, options = {}) =>
  `/groups/g/members/${(await bus.post('/groups/g/members', { topics: ['*'], ...options })).body.member}`;
const poll = async (bus: RunningOrgan, member: string, options = {}) =>
  (await bus.post(`${member}/poll`, options)).body as { events: BusEvent[]; lag: number; partitions: number };
const data = ({ events }: { events: readonly BusEvent[] }) => events.map((event) => event.data);
const after = (event: BusEvent | undefined) => {
  const { topic, partition, offset } = event!;
  return { topic, partition, offset: offset + 1 };
};

test('an event that is published again under its id is kept once; another under its id is refused', async () => {
  const bus = await start();
  const event = { id: 'one', type: 'x', key: 'k', data: { n: 1 } };
  const first = await bus.post('/topics/t/events', { events: [event, event] });
  const again = await bus.post('/topics/t/events', { events: [event] });
  expect(first.body.positions.map((p: { duplicate: boolean }) => p.duplicate)).toEqual([false, true]);
  expect(again.body.positions[0]).toEqual({ ...first.body.positions[0], duplicate: true });
  const other = await bus.post('/topics/t/events', {
    events: [
      { id: 'two', type: 'x' },
      { ...event, data: 2 },
    ],
  });
  expect([other.status, other.body.message]).toEqual([409, 'topic t has another event under the id one']);
  expect((await bus.get('/healthz')).body.metrics.events).toBe(1);
});

test('of many who publish at once, one that is refused does not touch the others', async () => {
  const bus = await start();
  await bus.post('/topics/t/events', { events: [{ id: 'taken', type: 'x', data: 0 }] });
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      bus.post('/topics/t/events', {
        events: [
          { id: `n${i}`, key: 'k', type: 'x', data: i },
          ...(i % 3 === 0 ? [{ id: 'taken', type: 'x', data: i + 1 }] : []),
        ],
      }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map((_, i) => (i % 3 === 0 ? 409 : 201)));
  const kept = answers.filter(({ status }) => status === 201).map(({ body }) => body.positions[0]);
  const offsets = kept.map(({ offset }) => offset);
  expect(new Set(offsets).size).toBe(40);
  expect(Math.max(...offsets) - Math.min(...offsets)).toBe(39);
  const { events } = await poll(bus, await join(bus));
  expect(new Set(events.map(({ id }) => id))).toEqual(new Set(['taken', ...kept.map(({ id }) => id)]));
});

test('topics, events, groups and their commits outlive the bus, and so does who is a member', async () => {
  const folder = temporaryFolder();
  const first = await startOrgan(eventBus({ folder }));
  await publish(first, 1, 2, 3);
  const member = await join(first);
  const { events } = await poll(first, member, { max: 2 });
  await first.stop();

  const second = await startOrgan(eventBus({ folder }));
  const next = await poll(second, member, { commit: [after(events[1])] });
  expect(data(next)).toEqual([3]);
  expect((await publish(second, 4))[0].offset).toBe(3);
});

test('a partition stays with a member that handles its events, and goes over as soon as it is done', async () => {
  const bus = await start();
  await publish(bus, 1, 2);
  const first = await join(bus);
  const { events } = await poll(bus, first);
  const second = await join(bus);
  expect(await poll(bus, second)).toMatchObject({ events: [], partitions: 0 });
  const waiting = poll(bus, second, { waitMs: 5000 });
  expect(await poll(bus, first, { commit: [after(events[1])] })).toMatchObject({ partitions: 2 });
  expect(await waiting).toMatchObject({ partitions: 2 });
});

test('a silent member loses its partitions after its session; its late commit and poll are refused', async () => {
  const bus = await start();
  await publish(bus, 1, 2);
  const first = await join(bus, { sessionTimeoutMs: 150 });
  const { events } = await poll(bus, first);
  const second = await join(bus, { sessionTimeoutMs: 5000 });
  expect(data(await poll(bus, second, { waitMs: 3000 }))).toEqual([1, 2]);
  const late = await bus.post(`${first}/poll`, { commit: [after(events[1])] });
  expect(late.status).toBe(404);
  expect(late.body.message).toMatch(/join again/);
});

test('a member that beats keeps its partitions, one that waits needs not', async () => {
  const bus = await start();
  await publish(bus, 1);
  const first = await join(bus, { sessionTimeoutMs: 120 });
  const { events } = await poll(bus, first);
  const second = await join(bus, { sessionTimeoutMs: 120 });
  const waiting = poll(bus, second, { waitMs: 400 });
  for (let i = 0; i < 8; i++) {
    await sleep(40);
    expect((await bus.post(`${first}/heartbeat`)).status).toBe(204);
  }
  await waiting;
  expect((await poll(bus, first, { commit: [after(events[0])] })).partitions).toBe(2);
  expect((await bus.get('/groups/g')).body.members).toHaveLength(2);
});

test('a poll whose connection breaks frees its member’s partitions after the session, and loses no event', async () => {
  const bus = await start();
  await publish(bus, 0);
  const first = await join(bus, { sessionTimeoutMs: 100 });
  await poll(bus, first, { commit: [after((await poll(bus, first)).events[0])] });
  const broken = new AbortController();
  const waiting = bus.request(`${first}/poll`, {
    method: 'POST',
    body: JSON.stringify({ waitMs: 20_000 }),
    signal: broken.signal,
  });
  await sleep(30);
  broken.abort();
  await expect(waiting).rejects.toThrow();
  await vi.waitFor(async () => expect((await bus.get('/groups/g')).body.members).toHaveLength(0), { interval: 10 });
  await publish(bus, 1);
  expect(data(await poll(bus, await join(bus)))).toEqual([1]);
});

test('an instance that comes back takes its own place at once', async () => {
  const bus = await start();
  await publish(bus, 1);
  const first = await join(bus, { instance: 'analytics-1' });
  await poll(bus, first);
  const second = await join(bus, { instance: 'analytics-1' });
  expect(data(await poll(bus, second))).toEqual([1]);
  expect((await bus.post(`${first}/heartbeat`)).status).toBe(404);
});

test('server-sent events bring what comes, and resume after the last one seen', async () => {
  const bus = await start();
  await publish(bus, 'old');
  const read = async (headers: Record<string, string>, path: string, count: number, then = async () => {}) => {
    const gone = new AbortController();
    const response = await fetch(new URL(path, bus.url), { headers, signal: gone.signal });
    await then();
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk, { stream: true });
      if (text.split('\n\n').length > count) break;
    }
    gone.abort();
    return text
      .split('\n\n')
      .slice(0, count)
      .map((message) => ({
        id: /^id: (.*)$/m.exec(message)![1]!,
        data: JSON.parse(/^data: (.*)$/m.exec(message)![1]!).data,
      }));
  };
  const live = await read({}, '/stream?topics=t', 2, async () => void (await publish(bus, 'a', 'b')));
  expect(live.map((event) => event.data)).toEqual(['a', 'b']);
  const resumed = await read({ 'last-event-id': live[0]!.id }, '/stream', 1);
  expect(resumed.map((event) => event.data)).toEqual(['b']);
  expect((await read({}, '/stream?from=earliest', 3)).map((event) => event.data)).toEqual(['old', 'a', 'b']);
});

test('a stop ends polls and streams that wait at once', async () => {
  const bus = await start();
  const member = await join(bus);
  const waiting = poll(bus, member, { waitMs: 20_000 });
  const stream = await fetch(new URL('/stream', bus.url));
  const startedAt = performance.now();
  await Promise.all([bus.stop(), waiting, stream.text()]);
  expect(performance.now() - startedAt).toBeLessThan(2000);
});

test('old events are forgotten, and offsets go on', async () => {
  let now = 1_000_000;
  const bus = await start({ now: () => now, sweepMs: 5, defaults: { retentionMs: 60_000 } });
  const [{ partition }] = await publish(bus, 1, 2);
  now += 61_000;
  await vi.waitFor(async () => expect((await bus.get('/healthz')).body.metrics.events).toBe(0), { interval: 5 });
  expect((await publish(bus, 3))[0].offset).toBe(2);
  const { body } = await bus.get(`/topics/t/partitions/${partition}/events?offset=0`);
  expect(data(body)).toEqual([3]);
  expect(data(await poll(bus, await join(bus)))).toEqual([3]);
});

test('groups far behind, by count or by age, are a warning that names them', async () => {
  let now = 1_000_000;
  const bus = await start({ now: () => now, lagWarn: 2 });
  const member = await join(bus);
  await publish(bus, 1, 2);
  expect((await bus.get('/healthz')).body).toMatchObject({ status: 'pass', metrics: { maxLag: 2 } });
  await publish(bus, 3);
  expect((await bus.get('/healthz')).body).toMatchObject({ status: 'warn', reason: 'g is 3 events behind' });
  const { events } = await poll(bus, member);
  await poll(bus, member, { commit: [after(events[1])] });
  expect((await bus.get('/healthz')).body.status).toBe('pass');
  now += 301_000;
  expect((await bus.get('/healthz')).body.reason).toMatch(/an event waits for g since 301 s/);
});

test('a full disk acknowledges nothing more, and is Critical', async () => {
  const bus = await start({ maxBytes: 512 * 1024 });
  const send = (i: number) =>
    bus.post('/topics/t/events', { events: [{ id: String(i), type: 'x', data: 'x'.repeat(20_000) }] });
  let acknowledged = 0;
  for (let i = 0; i < 60; i++) {
    const { status } = await send(i);
    if (status === 201) acknowledged += 1;
    else expect(status).toBe(507);
  }
  expect(acknowledged).toBeLessThan(60);
  expect((await bus.get('/topics')).body[0].ends.reduce((a: number, b: number) => a + b)).toBe(acknowledged);
  const { status, body } = await bus.get('/healthz');
  expect([status, body.reason]).toEqual([503, 'health check failed: database or disk is full']);
});

const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
test.each([
  ['no JSON', '/topics/t/events', '{', 400],
  ['no events', '/topics/t/events', '{"events":[]}', 400],
  ['an event of no type', '/topics/t/events', '{"events":[{"data":1}]}', 400],
  ['an offset of its own', '/topics/t/events', '{"events":[{"type":"x","offset":7}]}', 400],
  ['data that is nested deep', '/topics/t/events', `{"events":[{"type":"x","data":${deep}}]}`, 400],
  ['data that is too long', '/topics/t/events', `{"events":[{"type":"x","data":"${'x'.repeat(300_000)}"}]}`, 400],
  ['10 MB', '/topics/t/events', `{"events":[{"type":"x","data":"${'x'.repeat(10_000_000)}"}]}`, 413],
  ['a topic that is none', '/topics/..%2F..%2Fetc/events', '{"events":[{"type":"x"}]}', 400],
  ['too many partitions', '/topics', '{"name":"x","partitions":100000}', 400],
  ['another number of partitions', '/topics', '{"name":"t","partitions":3}', 409],
  ['a group that is none', '/groups/G%20G/members', '{"topics":["*"]}', 400],
  ['no topics', '/groups/g/members', '{"topics":[]}', 400],
  ['a session of no time', '/groups/g/members', '{"topics":["*"],"sessionTimeoutMs":1}', 400],
  ['a member that is none', '/groups/g/members/none/poll', '{}', 400],
  ['an unknown member', '/groups/g/members/4b2b9a9e-9f8e-4f4e-8b59-3a8f8f0f6f11/poll', '{}', 404],
])('refuses %s with the reason, and keeps what it had', async (_, path, body, status) => {
  const bus = await start();
  await publish(bus, 1);
  const answer = await bus.request(path, { method: 'POST', body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  expect(answer.body.message).toMatch(/\w+/);
  expect((await bus.get('/healthz')).body).toMatchObject({ status: 'pass', metrics: { events: 1, topics: 1 } });
});

test('a commit beyond the end, or of what is no partition, is refused', async () => {
  const bus = await start();
  await publish(bus, 1);
  const member = await join(bus);
  for (const commit of [
    { topic: 't', partition: 0, offset: 99 },
    { topic: 't', partition: 9, offset: 0 },
  ]) {
    expect((await bus.post(`${member}/poll`, { commit: [commit] })).status).toBe(400);
  }
  expect(data(await poll(bus, member))).toEqual([1]);
});
