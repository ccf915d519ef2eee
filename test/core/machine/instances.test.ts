import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Instances } from '../../../src/core/machine/instances.ts';
import { newInstance } from '../../../src/core/machine/new-system.ts';
import type { Instance } from '../../../src/core/machine/state.ts';
import { FAIL, organ, PASS, system, World } from './world.ts';

const name = fc.constantFrom(...'abcdefgh');
const state = fc.constantFrom<Instance['state']>(
  { tag: 'waiting', since: { mono: 0, wall: 0 } },
  { tag: 'stopped' },
  { tag: 'failed', cause: 'tired' },
  { tag: 'backoff', until: 1 },
  { tag: 'completed' },
);
const stopWanted = fc.constantFrom<Instance['stopWanted']>(null, { next: 'again' });
const instance = fc
  .record({ name, restarts: fc.nat(3), state, stopWanted })
  .map(({ name, ...given }): Instance => ({ ...newInstance('x', name, 1), ...given }));

test('is a map: whatever is put in, a copy leaves what it was copied from alone', () => {
  fc.assert(
    fc.property(fc.array(instance), fc.array(fc.array(instance)), (first, rounds) => {
      const model = new Map(first.map((each) => [each.name, each]));
      let instances: ReadonlyMap<string, Instance> = new Map(model);
      for (const round of rounds) {
        const before = [...instances];
        const copy = Instances.copyOf(instances);
        const was = new Map(model);
        for (const each of round) {
          copy.set(each);
          model.set(each.name, each);
        }
        expect([...instances]).toEqual(before);
        expect(Instances.changed(instances, copy)).toEqual([...model.values()].filter((is) => was.get(is.name) !== is));
        expect(Instances.dropped(instances, copy)).toEqual([]);
        instances = copy;
        expect([...instances]).toEqual([...model]);
        expect([...instances.keys()]).toEqual([...model.keys()]);
        expect([...instances.values()]).toEqual([...model.values()]);
        expect(instances.size).toBe(model.size);
        // What it counts is what there is to count.
        const there = [...model.values()];
        const wants = there.some(({ state, stopWanted }) => state.tag === 'waiting' || stopWanted !== null);
        const isLost = there.some(({ state: { tag } }) => ['failed', 'stuck', 'stopped'].includes(tag));
        for (const each of [instances, new Map(model)]) {
          expect([Instances.anyWants(each), Instances.anyLost(each)]).toEqual([wants, isLost]);
        }
        for (const each of 'abcdefgh') {
          expect(instances.get(each)).toBe(model.get(each));
          expect(instances.has(each)).toBe(model.has(each));
        }
      }
      const fewer = new Map([...instances].slice(1));
      expect(Instances.dropped(instances, fewer)).toEqual([...model.keys()].slice(0, 1));
    }),
  );
});

test('a check that finds what the one before found is seen, and nothing else; any other is told to whom it concerns', () => {
  const world = new World(system([organ('a'), organ('b')]));
  world.up();
  for (const each of ['a', 'b']) world.ready(each);
  world.checks();
  const said = world.events.length;
  const before = world.state;
  world.pass(30_000);
  world.probed('a', { ...PASS, latencyMs: 7, metrics: { queue: 3 } });
  expect(world.instance('a').health).toMatchObject({ latencyMs: 7, metrics: { queue: 3 }, checkedAt: world.at.wall });
  expect(Instances.changed(before.instances, world.state.instances).map((each) => each.name)).toEqual(['a']);
  expect(world.events).toHaveLength(said);
  world.probed('a', FAIL);
  expect(world.event('health-changed', 'a').data.to).toBe('Degraded');
});
