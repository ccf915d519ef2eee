import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, type TestContext, test, vi } from 'vitest';
import { type BusEvent, connectEvents, type EventBus } from '../kit/index.ts';
import { startOrgan, temporaryFolder } from '../kit/testing.ts';
import { type Broker, startKafka, which } from './bus.fixture.ts';
import { eventBus } from './organ.ts';

const kafka = which('kcat') ? undefined : 'kcat, whose library has a broker for tests, is not installed';
if (kafka) console.warn(`the Kafka half of the event client's tests is skipped: ${kafka}`);
const WAIT = { timeout: 20_000, interval: 20 };

/** The same promises, kept by the organ and by a Kafka. */
describe.each([
  ['the organ event-bus', false],
  ['kafka', true],
])('the event client on %s', (_, isKafka) => {
  let broker: Broker | undefined;
  beforeAll(async () => {
    if (isKafka && !kafka) broker = await startKafka();
  });
  afterAll(() => broker?.stop());
  // Groups of a Kafka take seconds to come together: these tests wait side by side.
  const it = test.skipIf(isKafka && kafka);
  const options = { concurrent: isKafka };

  /** Clients of one bus, by the names of their organs. */
  async function bus({ onTestFinished }: TestContext): Promise<(source: string) => EventBus> {
    const env: NodeJS.ProcessEnv = broker
      ? { KAFKA_BROKERS: broker.address }
      : { EVENT_BUS_URL: (await startOrgan(eventBus({ folder: temporaryFolder() }))).url };
    return (source) => {
      const events = connectEvents({ source, env });
      onTestFinished(() => events.close());
      return events;
    };
  }
  const topicName = () => `t-${randomUUID()}`;
  const collect = (events: EventBus, topic: string, group: string, options = {}) => {
    const seen: BusEvent[] = [];
    const subscription = events.subscribe({ topics: [topic], group, sessionTimeoutMs: 6000, ...options }, (batch) => {
      seen.push(...batch);
    });
    return { seen, subscription };
  };
  const numbers = (seen: readonly BusEvent[]) => seen.map(({ data }) => data as number);

  it('delivers what was published, whole, the events of a key in order', options, async (context) => {
    const connect = await bus(context);
    const topic = topicName();
    const producer = connect('mint');
    const sent = Array.from({ length: 60 }, (_, i) => ({ type: 'counted', key: `k${i % 3}`, data: i, at: 1000 + i }));
    const positions = (await Promise.all(sent.map((event) => producer.publish(topic, event)))).flat();
    const { seen, subscription } = collect(connect('reader'), topic, `g-${randomUUID()}`);
    await vi.waitFor(() => expect(seen).toHaveLength(60), WAIT);

    for (const key of ['k0', 'k1', 'k2']) {
      const own = seen.filter((event) => event.key === key);
      expect(numbers(own)).toEqual(sent.filter((event) => event.key === key).map(({ data }) => data));
      expect(new Set(own.map(({ partition }) => partition)).size).toBe(1);
    }
    const first = seen.find(({ data }) => data === 0)!;
    expect(first).toMatchObject({ topic, type: 'counted', key: 'k0', at: 1000, source: 'mint' });
    expect(positions[0]).toEqual({ id: first.id, partition: first.partition, offset: first.offset });
    await vi.waitFor(() => expect(subscription.status).toMatchObject({ connected: true, lag: 0 }), WAIT);
  });

  it('goes on after the last commit, and what the handler threw for comes again', options, async (context) => {
    const connect = await bus(context);
    const topic = topicName();
    const producer = connect('mint');
    for (let i = 0; i < 5; i++) await producer.publish(topic, { type: 'counted', key: 'k', data: i });
    let failures = 2;
    const seen: number[] = [];
    const first = connect('reader').subscribe({ topics: [topic], group: 'again', sessionTimeoutMs: 6000 }, (events) => {
      if (failures-- > 0) throw new Error('not now');
      seen.push(...numbers(events));
    });
    await vi.waitFor(() => expect(seen).toEqual([0, 1, 2, 3, 4]), WAIT);
    await vi.waitFor(() => expect(first.status.failure).toBeUndefined(), WAIT);
    await first.stop();

    await producer.publish(topic, { type: 'counted', key: 'k', data: 5 });
    const second = collect(connect('reader'), topic, 'again');
    await vi.waitFor(() => expect(numbers(second.seen)).toEqual([5]), WAIT);
  });

  it(
    'shares the partitions among the members of a group, and gives them over when one leaves',
    options,
    async (context) => {
      const connect = await bus(context);
      const topic = topicName();
      const producer = connect('mint');
      await producer.publish(topic, { type: 'counted', key: 'k', data: -1 });
      const one = collect(connect('one'), topic, 'shared');
      const two = collect(connect('two'), topic, 'shared');
      await vi.waitFor(
        () => expect([one, two].map(({ subscription }) => subscription.status.partitions)).toEqual([2, 2]),
        WAIT,
      );

      const batch = (from: number) =>
        Array.from({ length: 40 }, (_, i) => ({ type: 'counted', key: `k${i}`, data: from + i }));
      await producer.publish(topic, batch(0));
      await vi.waitFor(() => expect(one.seen.length + two.seen.length).toBeGreaterThanOrEqual(41), WAIT);
      expect(one.seen.length).toBeGreaterThan(5);
      expect(two.seen.length).toBeGreaterThan(5);

      await one.subscription.stop();
      await vi.waitFor(() => expect(two.subscription.status.partitions).toBe(4), WAIT);
      await producer.publish(topic, batch(40));
      await vi.waitFor(() => {
        const all = new Set([...numbers(one.seen), ...numbers(two.seen)]);
        expect(all.size).toBe(81);
      }, WAIT);
    },
  );

  it('groups are apart; a new one begins at the end when it wants the latest', options, async (context) => {
    const connect = await bus(context);
    const topic = topicName();
    const producer = connect('mint');
    await producer.publish(topic, { type: 'counted', key: 'k', data: 'old' });
    const all = collect(connect('all'), topic, 'all');
    const latest = collect(connect('latest'), topic, 'latest', { from: 'latest' });
    await vi.waitFor(() => expect(latest.subscription.status.partitions).toBe(4), WAIT);
    await vi.waitFor(() => expect(all.seen).toHaveLength(1), WAIT);
    await vi.waitFor(async () => {
      await producer.publish(topic, { type: 'counted', key: 'k', data: 'new' });
      expect(latest.seen.length).toBeGreaterThan(0);
    }, WAIT);
    expect(latest.seen.some(({ data }) => (data as unknown) === 'old')).toBe(false);
  });

  it('"*" finds topics that come later', options, async (context) => {
    const connect = await bus(context);
    const producer = connect('mint');
    const seen: BusEvent[] = [];
    connect('all').subscribe({ topics: ['*'], group: `all-${randomUUID()}`, sessionTimeoutMs: 6000 }, (events) => {
      seen.push(...events);
    });
    const [a, b] = [topicName(), topicName()];
    for (const topic of [a, b]) {
      await producer.publish(topic, { type: 'counted', data: 1 });
      await vi.waitFor(() => expect(seen.some((event) => event.topic === topic)).toBe(true), WAIT);
    }
  });

  it.for([
    ['a topic', 'No Topic', { type: 'x' }, /topic: must be lower-case/],
    ['a type', 'topic', { type: '' }, /event.type/],
    ['data', 'topic', { type: 'x', data: 1n }, /event.data: must be JSON/],
    ['a long one', 'topic', { type: 'x', data: 'x'.repeat(300_000) }, /event.data: must not be longer/],
  ] as const)('refuses %s that is none, with the reason', options, async ([, topic, event, reason], context) => {
    const connect = await bus(context);
    await expect(connect('mint').publish(topic, event)).rejects.toThrow(reason);
  });

  it('a publish that nobody acknowledges fails by its deadline', options, async ({ onTestFinished }) => {
    const env = isKafka ? { KAFKA_BROKERS: '127.0.0.1:1' } : { EVENT_BUS_URL: 'http://127.0.0.1:1' };
    const events = connectEvents({ source: 'mint', env });
    onTestFinished(() => events.close());
    const startedAt = performance.now();
    const publish = events.publish('topic', { type: 'x' }, { deadlineMs: 500 });
    await expect(publish).rejects.toThrow(/did not acknowledge in time/);
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });
});
