import { expect, onTestFinished, test, vi } from 'vitest';
import { eventBus } from '../event-bus/organ.ts';
import { connectEvents, type NewEvent } from '../kit/index.ts';
import { startOrgan, temporaryFolder } from '../kit/testing.ts';
import { oracle } from './organ.ts';

const WAIT = { timeout: 10_000, interval: 20 };
const NOW = 1_700_000_040_000; // the begin of a minute
const MINUTE = 60_000;

async function system(goneMs = 5000) {
  const bus = await startOrgan(eventBus({ folder: temporaryFolder() }));
  const env = { EVENT_BUS_URL: bus.url };
  const connect = (source: string) => {
    const events = connectEvents({ source, env });
    onTestFinished(() => events.close());
    return events;
  };
  const organ = await startOrgan(
    oracle({ folder: temporaryFolder(), events: connect('oracle'), goneMs, now: () => NOW + 30_000 }),
  );
  const producer = connect('mint');
  const publish = async (events: readonly NewEvent[]) => {
    await producer.publish('ledger', events);
    await vi.waitFor(async () => {
      const { body } = await organ.get('/healthz');
      expect(body).toMatchObject({ status: 'pass', metrics: { lag: 0, partitions: 4 } });
    }, WAIT);
  };
  return { bus, organ, publish };
}

/** Events in each of the `minutes` before now, as many as `count` says. */
const traffic = (minutes: number, count: (minute: number) => number): NewEvent[] =>
  Array.from({ length: minutes }, (_, m) =>
    Array.from({ length: count(m) }, (_, i) => ({
      type: 'transfer',
      key: `k${i}`,
      at: NOW - (minutes - m) * MINUTE + i,
      data: { amount: 10 * (i + 1) },
    })),
  ).flat();

test('a series has each minute’s count, empty ones included, and the percentiles of a field', async () => {
  const { organ, publish } = await system();
  await publish(traffic(5, (m) => [3, 0, 2, 4, 1][m]!));
  const values = async (query: string) =>
    (await organ.get(`/series?topic=ledger&${query}`)).body.points.map((p: { value: number | null }) => p.value);
  expect(await values('type=transfer')).toEqual([3, 0, 2, 4, 1]);
  expect(await values('metric=rate')).toEqual([3 / 60, 0, 2 / 60, 4 / 60, 1 / 60]);
  expect(await values('field=amount&metric=mean')).toEqual([20, null, 15, 25, 10]);
  expect((await values('field=amount&metric=p95'))[3]).toBeCloseTo(40, 0);
  expect((await organ.get('/series')).body.series).toEqual([{ topic: 'ledger', type: 'transfer' }]);
});

test('a forecast of a season, with what it would have got wrong', async () => {
  const { organ, publish } = await system();
  await publish(traffic(60, (m) => [2, 8, 14, 8, 2, 0][m % 6]!));
  const { status, body } = await organ.get('/forecasts?topic=ledger&horizon=6');
  expect(status).toBe(200);
  expect(body).toMatchObject({ method: 'holt-winters', season: { points: 6, from: 'found' }, points: 60 });
  expect(body.forecast.map((p: { value: number }) => Math.round(p.value))).toEqual([2, 8, 14, 8, 2, 0]);
  expect(body.forecast[0].at).toBe(new Date(NOW).toISOString());
  for (const { value, low, high } of body.forecast) {
    expect(low).toBeGreaterThanOrEqual(0);
    expect(low).toBeLessThanOrEqual(value);
    expect(high).toBeGreaterThanOrEqual(value);
  }
  expect(body.backtest).toMatchObject({ heldOut: 6, method: 'holt-winters' });
  expect(body.backtest.mae).toBeLessThan(body.backtest.maeOfMean / 5);
});

test('with too little data it says so and forecasts the mean', async () => {
  const { organ, publish } = await system();
  await publish(traffic(3, () => 2));
  const { body } = await organ.get('/forecasts?topic=ledger&horizon=2');
  expect(body).toMatchObject({ method: 'mean', backtest: null });
  expect(body.reason).toMatch(/3 points are too few for a trend/);
  expect(body.forecast.map((p: { value: number }) => p.value)).toEqual([2, 2]);
});

test.each([
  ['/forecasts', 400, /query.topic/],
  ['/forecasts?topic=nothing', 404, /no event was ever seen in topic nothing/],
  ['/forecasts?topic=ledger&type=none', 404, /no event of type none/],
  ['/forecasts?topic=ledger&metric=p95', 422, /say which field/],
  ['/forecasts?topic=ledger&horizon=1e9', 400, /query.horizon/],
  ['/forecasts?topic=ledger&field=nothing&metric=mean', 422, /no finished window/],
  ['/series?topic=ledger&step=1s', 400, /query.step/],
  ['/series?points=1', 400, /query.topic/],
])('%s is answered %i with the reason', async (path, status, reason) => {
  const { organ, publish } = await system();
  await publish(traffic(2, () => 1));
  const answer = await organ.get(path);
  expect(answer.status).toBe(status);
  expect(answer.body.message).toMatch(reason);
});

test('without the bus it is Degraded, then Critical', async () => {
  const { bus, organ } = await system(300);
  await vi.waitFor(async () => expect((await organ.get('/healthz')).body.status).toBe('pass'), WAIT);
  await bus.stop();
  await vi.waitFor(async () => expect((await organ.get('/healthz')).body.status).toBe('warn'), WAIT);
  await vi.waitFor(async () => expect((await organ.get('/healthz')).status).toBe(503), WAIT);
});
