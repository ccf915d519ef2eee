import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { STARTING, Wheel } from '../../src/supervisor/wheel.ts';
import { VirtualTime } from './virtual-time.ts';

function setup() {
  const time = new VirtualTime();
  const wheel = new Wheel(time);
  const fired: { key: string; at: number }[] = [];
  const record = (key: string) => () => void fired.push({ key, at: time.now() });
  const timesOf = (key: string) => fired.filter((one) => one.key === key).map(({ at }) => at);
  return { time, wheel, fired, record, timesOf };
}

describe('steady probes', () => {
  test('a thousand are spread over the period, and none comes twice or not at all', async () => {
    const { time, wheel, fired, record } = setup();
    for (let i = 0; i < 1000; i++) wheel.add(`organ-${i}`, { intervalMs: 30_000 }, record(`organ-${i}`));
    const start = time.now();
    await time.pass(30_000);
    expect(new Set(fired.map(({ key }) => key)).size).toBe(1000);
    expect(fired).toHaveLength(1000);
    const perSecond = new Array<number>(30).fill(0);
    for (const { at } of fired) perSecond[Math.min(29, Math.floor((at - start) / 1000))]!++;
    expect(Math.max(...perSecond)).toBeLessThan(60); // 33 on average
    expect(Math.min(...perSecond)).toBeGreaterThan(12);
  });

  test('keep exactly their period and their place in it', async () => {
    const { time, wheel, record, timesOf } = setup();
    wheel.add('mint-1', { intervalMs: 1000 }, record('mint-1'));
    await time.pass(5000);
    const times = timesOf('mint-1');
    expect(times).toHaveLength(5);
    wheel.add('mint-1', { intervalMs: 1000, firstInMs: 0 }, record('mint-1'));
    const now = time.now();
    await time.pass(2000);
    expect(timesOf('mint-1').slice(5, 7)).toEqual([now, times[4]! + 1000]);
    expect(new Set(times.map((at) => at % 1000)).size).toBe(1);
  });

  test('one that takes longer than its period is not started twice, and then finds its place again', async () => {
    const { time, wheel, timesOf, fired } = setup();
    let finish = () => {};
    const start = time.now();
    wheel.add('slow', { intervalMs: 1000, firstInMs: 0 }, () => {
      fired.push({ key: 'slow', at: time.now() });
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await time.pass(4321);
    expect(timesOf('slow')).toEqual([start]);
    finish();
    await time.pass(1000);
    expect(timesOf('slow')).toHaveLength(2);
  });

  test('what is overdue after a suspension collapses to one each, a few at a time', async () => {
    const { time, wheel, fired, record } = setup();
    for (let i = 0; i < 200; i++) wheel.add(`organ-${i}`, { intervalMs: 1000 }, record(`organ-${i}`));
    await time.pass(1000);
    fired.length = 0;
    await time.sleepThrough(600_000);
    const first = fired.length;
    expect(first).toBeLessThanOrEqual(16);
    const woke = time.now();
    await time.pass(80);
    const counts = new Map<string, number>();
    for (const { key } of fired) counts.set(key, (counts.get(key) ?? 0) + 1);
    expect(counts.size).toBe(200);
    // Whose regular place lies within these 80 ms may come twice; nobody comes for each of the 600 missed times.
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(2);
    expect(Math.max(...fired.map(({ at }) => at)) - woke).toBeGreaterThan(50);
  });
});

describe('an organ that starts', () => {
  test('is asked after 50 ms, then at intervals that grow to a second', async () => {
    const { time, wheel, record, timesOf } = setup();
    const start = time.now();
    wheel.add('web', STARTING, record('web'));
    await time.pass(6000);
    const gaps = timesOf('web').map((at, i, all) => at - (all[i - 1] ?? start));
    expect(gaps.slice(0, 4)).toEqual([50, 75, 112.5, 168.75]);
    expect(gaps.at(-1)).toBe(1000);
  });

  test('intervals count from the end of the probe before', async () => {
    const { time, wheel, fired, timesOf } = setup();
    const start = time.now();
    wheel.add('web', STARTING, () => {
      fired.push({ key: 'web', at: time.now() });
      return new Promise<void>((resolve) => void time.setTimer(resolve, 500));
    });
    await time.pass(1300);
    expect(timesOf('web')).toEqual([start + 50, start + 625, start + 1237.5]);
  });
});

describe('adding and removing', () => {
  test('nothing is fired after its removal, and no timer is left', async () => {
    const { time, wheel, fired, record } = setup();
    wheel.add('a', { intervalMs: 100 }, record('a'));
    wheel.add('b', { intervalMs: 100 }, record('b'));
    expect([wheel.size, time.pending]).toEqual([2, 1]);
    wheel.remove('a');
    wheel.remove('b');
    wheel.remove('never there');
    expect([wheel.size, time.pending]).toEqual([0, 0]);
    await time.pass(1000);
    expect(fired).toEqual([]);
  });

  test('one that is removed while it runs does not come back', async () => {
    const { time, wheel, timesOf, fired } = setup();
    let finish = () => {};
    wheel.add('a', { intervalMs: 100, firstInMs: 0 }, () => {
      fired.push({ key: 'a', at: time.now() });
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await time.pass(10);
    wheel.remove('a');
    finish();
    await time.pass(1000);
    expect(timesOf('a')).toHaveLength(1);
    expect(time.pending).toBe(0);
  });

  test('fire may remove and add, itself included', async () => {
    const { time, wheel, record, timesOf } = setup();
    wheel.add('a', STARTING, () => wheel.add('a', { intervalMs: 1000 }, record('a')));
    await time.pass(3050);
    expect(timesOf('a')).toHaveLength(3);
  });

  test('any sequence of orders: who is there comes once per period, who is not never comes', async () => {
    const order = fc.oneof(
      fc.record({ kind: fc.constant('add'), key: fc.nat(20), intervalMs: fc.integer({ min: 100, max: 1000 }) }),
      fc.record({ kind: fc.constant('remove'), key: fc.nat(20), intervalMs: fc.constant(0) }),
      fc.record({ kind: fc.constant('pass'), key: fc.constant(0), intervalMs: fc.nat(1500) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(order, { maxLength: 40 }), async (orders) => {
        const { time, wheel, fired, record } = setup();
        const there = new Map<string, number>();
        for (const { kind, key, intervalMs } of orders) {
          const name = `organ-${key}`;
          if (kind === 'add') {
            wheel.add(name, { intervalMs }, record(name));
            there.set(name, intervalMs);
          } else if (kind === 'remove') {
            wheel.remove(name);
            there.delete(name);
          } else {
            await time.pass(intervalMs);
          }
        }
        expect(wheel.size).toBe(there.size);
        fired.length = 0;
        await time.pass(10_000);
        const counts = new Map<string, number>();
        for (const { key } of fired) counts.set(key, (counts.get(key) ?? 0) + 1);
        expect([...counts.keys()].sort()).toEqual([...there.keys()].sort());
        for (const [key, intervalMs] of there) {
          expect(Math.abs((counts.get(key) ?? 0) - 10_000 / intervalMs)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 50 },
    );
  });
});
