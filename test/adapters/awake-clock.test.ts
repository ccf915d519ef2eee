import { expect, test } from 'vitest';
import { AwakeClock } from '../../src/adapters/awake-clock.ts';

test('time passes while somebody looks, and stands still in a pause', () => {
  let now = 1000;
  const clock = new AwakeClock(() => now);
  now += 1000;
  expect(clock.read()).toBe(1000);
  now += 500;
  expect(clock.read()).toBe(1500);
  now += 60_000;
  expect(clock.read()).toBe(3500);
});
