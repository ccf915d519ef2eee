import { expect, test } from 'vitest';
import { rig } from './rig.ts';

const COUNT = 147;

// How fast this is, is measured by `npm run bench`: a test that asserts times fails for what else the machine does.
test(`${COUNT} organs run, each as a process of its own, and down leaves nothing of them`, async () => {
  const names = Array.from({ length: COUNT }, (_, i) => `s${i}`);
  await using system = await rig.system({
    yaml: { organs: Object.fromEntries(names.map((name) => [name, { command: 'sleep 1000' }])) },
  });
  await system.expect(0, ['up', '-d']);
  await system.waitForEvent(({ type }) => type === 'system-ready');
  expect(system.events.filter(({ type }) => type === 'organ-started')).toHaveLength(COUNT);
  const { system: whole, organs } = await system.status();
  expect(whole.status).toBe('Operational');
  expect(organs.map(({ instance }) => instance).toSorted()).toEqual(names.toSorted());
  expect(new Set(organs.map(({ pid }) => pid)).size).toBe(COUNT);
  expect(organs.filter(({ pid }) => pid === null || !system.isAlive(pid))).toEqual([]);
  await system.expect(0, ['down']);
  await system.expectNothingLeft();
});
