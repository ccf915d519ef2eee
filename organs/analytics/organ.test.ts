import { Hono } from 'hono';
import { expect, onTestFinished, test, vi } from 'vitest';
import { eventBus } from '../event-bus/organ.ts';
import { Client, connectEvents, type NewEvent } from '../kit/index.ts';
import { type RunningOrgan, startOrgan, temporaryFolder } from '../kit/testing.ts';
import { type AnalyticsOptions, analytics } from './organ.ts';

const WAIT = { timeout: 10_000, interval: 20 };

/** A bus, a registry that knows the replicas, and what starts one. */
async function system() {
  const bus = await startOrgan(eventBus({ folder: temporaryFolder() }));
  const folder = temporaryFolder();
  const instances: { instance: string; url: string; health: string }[] = [];
  const services = () => [{ name: 'analytics', url: instances[0]!.url, health: 'Healthy', instances, metadata: {} }];
  const registry = await startOrgan({
    name: 'registry',
    app: new Hono().get('/services', (c) => c.json(instances.length ? services() : [])),
    health: () => ({ status: 'pass' }),
  });
  const env = { AZORA_REGISTRY_URL: registry.url, EVENT_BUS_URL: bus.url };
  const replica = async (instance: string, options: Partial<AnalyticsOptions> = {}) => {
    const client = new Client({ env, cacheMs: 0 });
    const events = connectEvents({ source: instance, env, client });
    const organ = await startOrgan(analytics({ folder, instance, events, client, sessionTimeoutMs: 500, ...options }));
    onTestFinished(() => client.close());
    const entry = { instance, url: organ.url, health: 'Healthy' };
    instances.push(entry);
    return { ...organ, forget: () => instances.splice(instances.indexOf(entry), 1) };
  };
  const producer = connectEvents({ source: 'mint', env });
  onTestFinished(() => producer.close());
  const publish = (topic: string, events: readonly NewEvent[]) => producer.publish(topic, events);
  return { bus, replica, publish };
}

const transfers = (amounts: readonly number[]) =>
  amounts.map((amount, i) => ({ type: 'transfer', key: `k${i}`, data: { amount, memo: 'x' } }));
const events = async (organ: RunningOrgan, query = '') =>
  (await organ.get(`/dashboards/overview${query}`)).body.events as number;

test('counts, rates and percentiles by topic and type', async () => {
  const { replica, publish } = await system();
  const organ = await replica('analytics-1');
  await publish('ledger', transfers(Array.from({ length: 100 }, (_, i) => i + 1)));
  await publish('ledger', [{ type: 'mined' }]);
  await publish('audit', [{ type: 'seen', data: 5 }]);
  await vi.waitFor(async () => expect(await events(organ)).toBe(102), WAIT);

  const { body } = await organ.get('/dashboards/overview?minutes=10');
  expect(body.perSecond).toBeCloseTo(102 / 600);
  expect(body.topics.map((t: { topic: string; events: number }) => [t.topic, t.events])).toEqual([
    ['ledger', 101],
    ['audit', 1],
  ]);
  const [transfer, mined] = body.topics[0].types;
  expect([transfer.type, transfer.events, mined.type, mined.events]).toEqual(['transfer', 100, 'mined', 1]);
  const { amount } = transfer.fields;
  expect(amount).toMatchObject({ count: 100, mean: 50.5, min: 1, max: 100 });
  expect(Math.abs(amount.p50 - 50)).toBeLessThan(1);
  expect(Math.abs(amount.p95 - 95)).toBeLessThan(1.5);
  expect(body.topics[1].types[0].fields.value).toMatchObject({ count: 1, mean: 5, p99: 5 });

  const one = (await organ.get('/dashboards/series?topic=ledger&type=transfer&step=10s&windows=30')).body;
  expect(one.windows).toHaveLength(30);
  expect(one.windows.reduce((sum: number, window: { events: number }) => sum + window.events, 0)).toBe(100);
  expect((await organ.get('/dashboards')).body.series).toContainEqual({ topic: 'ledger', type: 'mined' });
});

test('two replicas share the work; each tells the total, and its own', async () => {
  const { replica, publish } = await system();
  await publish('ledger', transfers([0]));
  const [one, two] = [await replica('analytics-1'), await replica('analytics-2')];
  const partitions = async () =>
    Promise.all([one, two].map(async (o) => (await o.get('/healthz')).body.metrics.partitions));
  await vi.waitFor(async () => expect(await partitions()).toEqual([2, 2]), WAIT);
  await publish('ledger', transfers(Array.from({ length: 200 }, (_, i) => i)));
  await vi.waitFor(async () => expect(await events(one)).toBe(201), WAIT);
  expect(await events(two)).toBe(201);

  const own = await Promise.all([one, two].map((organ) => events(organ, '?scope=replica')));
  expect(own[0]! + own[1]!).toBe(201);
  expect(Math.min(...own)).toBeGreaterThan(20);
  const { replicas, topics } = (await two.get('/dashboards/overview')).body;
  expect(replicas).toEqual([
    { instance: 'analytics-2', from: 'self', events: own[1] },
    { instance: 'analytics-1', from: 'replica', events: own[0] },
  ]);
  expect(topics[0].types[0].fields.amount).toMatchObject({ count: 201, max: 199 });
});

test('when a replica is gone, its partitions are counted by the other and its share stays in the total', async () => {
  const { replica, publish } = await system();
  await publish('ledger', transfers([0]));
  const [one, two] = [await replica('analytics-1'), await replica('analytics-2')];
  await publish('ledger', transfers(Array.from({ length: 100 }, (_, i) => i)));
  await vi.waitFor(async () => expect(await events(one)).toBe(101), WAIT);
  await two.stop();
  await publish('ledger', transfers(Array.from({ length: 100 }, (_, i) => i)));
  await vi.waitFor(async () => expect(await events(one)).toBe(201), WAIT);
  expect((await one.get('/dashboards/overview')).body.replicas[1]).toMatchObject({ from: 'file' });
  two.forget();
  expect((await one.get('/dashboards/overview')).body).toMatchObject({
    events: 201,
    replicas: [{}, { reason: 'it is not running' }],
  });
});

test('a bus that is away is a warning, one that is gone a failure, and it counts on once it is back', async () => {
  const { bus, replica } = await system();
  const organ = await replica('analytics-1', { goneMs: 300 });
  await vi.waitFor(async () => expect((await organ.get('/healthz')).body.status).toBe('pass'), WAIT);
  await bus.stop();
  await vi.waitFor(async () => expect((await organ.get('/healthz')).body.status).toBe('warn'), WAIT);
  await vi.waitFor(async () => expect((await organ.get('/healthz')).status).toBe(503), WAIT);
  expect((await organ.get('/healthz')).body.reason).toMatch(/event bus cannot be reached since \d+ ms/);
});

test.each([
  '/dashboards/overview?minutes=0',
  '/dashboards/overview?minutes=1e9',
  '/dashboards/overview?scope=all',
  '/dashboards/overview?password=1',
  '/dashboards/series?step=1s',
  '/dashboards/series?windows=100000',
  '/cells',
  '/cells?step=10s&from=0&to=8640000000000000',
])('%s is refused with the reason', async (path) => {
  const { replica } = await system();
  const organ = await replica('analytics-1');
  const { status, body } = await organ.get(path);
  expect([status, body.error]).toEqual([400, 'bad_request']);
  expect(body.message).toMatch(/\w+/);
});
