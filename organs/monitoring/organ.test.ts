import { Hono } from 'hono';
import { expect, onTestFinished, test, vi } from 'vitest';
import { eventBus } from '../event-bus/organ.ts';
import { type BusEvent, Client, connectEvents, connectState } from '../kit/index.ts';
import { type RunningOrgan, startOrgan, temporaryFolder } from '../kit/testing.ts';
import { state } from '../state/organ.ts';
import { monitoring } from './organ.ts';

const WAIT = { timeout: 10_000, interval: 20 };

interface Entry {
  name: string;
  url: string;
  health: string;
}

/** A registry, a bus, the shared state, and one organ whose figure the test sets. */
async function system(folder = temporaryFolder()) {
  const figure = { value: 1 };
  const mint = await startOrgan({ name: 'mint', health: () => ({ status: 'pass', metrics: { queue: figure.value } }) });
  const entries: Entry[] = [{ name: 'mint', url: mint.url, health: 'Healthy' }];
  const registry = await startOrgan({
    name: 'registry',
    app: new Hono().get('/services', (c) =>
      c.json(
        entries.map((entry) => ({
          ...entry,
          category: null,
          instances: [{ ...entry, instance: entry.name }],
          metadata: {},
        })),
      ),
    ),
    health: () => ({ status: 'pass' }),
  });
  const bus = await startOrgan(eventBus({ folder: temporaryFolder() }));
  const shared = await startOrgan(state({ folder: temporaryFolder() }));
  const env = { AZORA_REGISTRY_URL: registry.url, EVENT_BUS_URL: bus.url, STATE_URL: shared.url };
  const start = (options = {}) => {
    const client = new Client({ env, cacheMs: 0 });
    onTestFinished(() => client.close());
    return startOrgan(
      monitoring({
        ...{ folder, client, registryUrl: registry.url, delayMs: 0, intervalMs: 40 },
        events: connectEvents({ source: 'monitoring', env, client }),
        state: connectState({ env, client }),
        ...options,
      }),
    );
  };
  return { figure, mint, entries, registry, bus, shared, env, start };
}

const until = (organ: RunningOrgan, path: string, expected: object) =>
  vi.waitFor(async () => expect((await organ.get(path)).body).toMatchObject(expected), WAIT);
const QUEUE = { name: 'queue', metric: 'mint_queue', above: 10, severity: 'warning', summary: 'the queue is long' };

test('scrapes every instance and the registry, keeps what it read, and tells the shared state', async () => {
  const { figure, shared, start } = await system();
  const organ = await start();
  await until(organ, '/healthz', { status: 'pass', metrics: { targets: 2, failing: 0 } });
  figure.value = 7;
  await vi.waitFor(async () => {
    const [series] = (await organ.get('/history?metric=mint_queue')).body.series;
    expect(series).toMatchObject({ organ: 'mint', instance: 'mint', type: 'gauge' });
    const values: number[] = series.points.map((point: { value: number }) => point.value);
    expect([values[0], values.at(-1)]).toEqual([1, 7]);
  }, WAIT);
  const { targets } = (await organ.get('/targets')).body;
  expect(targets.map((target: { instance: string }) => target.instance)).toEqual(['mint', 'service-registry']);
  expect((await organ.get('/history')).body.metrics).toContainEqual({ metric: 'up', series: 2 });
  expect((await shared.get('/hashes/monitoring:summary')).body.fields).toMatchObject({
    targets: '2',
    up: '2',
    firing: '0',
  });
});

test('an alert fires and resolves, and each is told on the bus once, also when the bus was away', async () => {
  const { figure, env, bus, start } = await system();
  const seen: BusEvent[] = [];
  const reader = connectEvents({ source: 'reader', env });
  onTestFinished(() => reader.close());
  reader.subscribe({ topics: ['alerts'], group: 'reader' }, (events) => void seen.push(...events));
  const organ = await start();
  expect((await organ.post('/rules', QUEUE)).status).toBe(201);
  figure.value = 11;
  await until(organ, '/alerts?state=firing', { count: 1, alerts: [{ rule: 'queue', instance: 'mint', value: 11 }] });
  await vi.waitFor(() => expect(seen.map(({ type }) => type)).toEqual(['alert-firing']), WAIT);
  expect(seen[0]!.data).toMatchObject({
    rule: 'queue',
    organ: 'mint',
    summary: 'the queue is long',
    severity: 'warning',
  });
  figure.value = 3;
  await until(organ, '/alerts', { count: 0 });
  await vi.waitFor(() => expect(seen.map(({ type }) => type)).toEqual(['alert-firing', 'alert-resolved']), WAIT);

  await bus.stop();
  figure.value = 12;
  await until(organ, '/healthz', { status: 'warn', metrics: { unpublished: 1 } });
  expect((await organ.get('/healthz')).body.reason).toMatch(/alerts wait to be told/);
});

test('rules and alerts outlive a restart; an alert that was told is not told again', async () => {
  const folder = temporaryFolder();
  const { figure, bus, start } = await system(folder);
  const first = await start();
  await first.post('/rules', QUEUE);
  figure.value = 11;
  await until(first, '/alerts?state=firing', { count: 1 });
  await first.stop();
  const second = await start();
  expect((await second.get('/rules')).body.added).toMatchObject([QUEUE]);
  await until(second, '/healthz', { status: 'pass', metrics: { firing: 1 } });
  expect((await bus.get('/healthz')).body.metrics.events).toBe(1);
  expect((await second.request('/rules/queue', { method: 'DELETE' })).status).toBe(204);
  await until(second, '/alerts', { count: 0 });
});

test('an instance that cannot be scraped is a warning that names it, and down', async () => {
  const { mint, entries, start } = await system();
  const nonsense = await startOrgan({
    name: 'nonsense',
    app: new Hono().get('/page/metrics', (c) => c.text('this is no metric')),
    health: () => ({ status: 'pass' }),
  });
  entries.push({ name: 'nonsense', url: `${nonsense.url}/page`, health: 'Healthy' });
  entries.push({ name: 'pageless', url: `${nonsense.url}/nothing`, health: 'Degraded' });
  const rules = [{ name: 'down', metric: 'up', below: 1, severity: 'critical', summary: 'down' }];
  const organ = await start({ rules });
  await until(organ, '/healthz', { status: 'warn', metrics: { failing: 1, targets: 4 } });
  expect((await organ.get('/healthz')).body.reason).toMatch(/nonsense: line 1 is no sample/);
  await mint.stop();
  await until(organ, '/alerts', { count: 2, alerts: [{ value: 0 }, { value: 0 }] });
  const { series } = (await organ.get('/history?metric=instance_health&organ=pageless')).body;
  expect(series[0].points.at(-1).value).toBe(1);
});

test('a registry that is gone is Critical, and alerts stay as they were', async () => {
  const { registry, figure, start } = await system();
  const organ = await start();
  await organ.post('/rules', QUEUE);
  figure.value = 11;
  await until(organ, '/alerts?state=firing', { count: 1 });
  await registry.stop();
  await vi.waitFor(async () => expect((await organ.get('/healthz')).status).toBe(503), WAIT);
  expect((await organ.get('/healthz')).body.reason).toMatch(/registry at .* cannot be reached/);
  expect((await organ.get('/alerts')).body.count).toBe(1);
});

test('old samples are forgotten', async () => {
  const { entries, start } = await system();
  const organ = await start({ retentionMs: 200 });
  await until(organ, '/healthz', { metrics: { targets: 2 } });
  entries.pop();
  await vi.waitFor(async () => expect((await organ.get('/history?metric=mint_queue')).body.series).toEqual([]), WAIT);
});

test.each([
  ['POST', '/rules', '{', 400],
  ['POST', '/rules', '{"name":"r"}', 400],
  ['POST', '/rules', JSON.stringify({ ...QUEUE, below: 1 }), 400],
  ['POST', '/rules', JSON.stringify({ ...QUEUE, name: 'fixed' }), 409],
  ['POST', '/rules', JSON.stringify({ ...QUEUE, summary: 'x'.repeat(2_000_000) }), 413],
  ['DELETE', '/rules/fixed', undefined, 409],
  ['DELETE', '/rules/none', undefined, 404],
  ['GET', '/alerts?state=open', undefined, 400],
  ['GET', '/history?metric=up&points=1e9', undefined, 400],
  ['GET', "/history?metric='%3BDROP TABLE samples", undefined, 200],
])('%s %s', async (method, path, body, status) => {
  const { start } = await system();
  const organ = await start({ rules: [{ ...QUEUE, name: 'fixed' }] });
  const answer = await organ.request(path, { method, ...(body === undefined ? {} : { body }) });
  expect(answer.status).toBe(status);
  if (status >= 400) expect(answer.body.message).toMatch(/\w+/);
  expect((await organ.get('/rules')).body).toMatchObject({ fixed: [{ name: 'fixed' }], added: [] });
});
