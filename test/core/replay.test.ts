import { describe, expect, test } from 'vitest';
import type { SystemConfig } from '../../src/core/config/model.ts';
import { publicState } from '../../src/core/machine/describe.ts';
import { replay } from '../../src/core/replay.ts';
import { anEvent } from '../cli/fake-supervisor.ts';
import { needs, organ, system, World } from './machine/world.ts';

/** What the events of a world come to, beside what the world is. (Random ones: machine/properties.test.ts.) */
function expectSame(world: World): void {
  const events = world.events.map((event, index) => ({ id: index + 1, ts: '', bootId: 'boot', ...event }));
  const states = [...world.state.instances.values()].map(({ name, state, verdict }) => [
    name,
    publicState(state.tag),
    verdict.level,
  ]);
  const told = [...replay(events).instances].map(([name, { state, health }]) => [name, state, health]);
  expect(told.toSorted()).toEqual(states.toSorted());
}

describe('a configuration that changes while the system runs', () => {
  const world = new World(system([organ('a'), organ('b', { dependsOn: [needs('a')] })]));
  const reload = (config: SystemConfig): void => {
    world.send({ type: 'reload', config, heldDown: [] });
    expectSame(world);
  };

  test('what is new is there, what is gone is forgotten once nothing of it is left, and comes back anew', () => {
    world.up();
    world.ready('a');
    world.ready('b');
    expectSame(world);
    reload(system([organ('a'), organ('c', { autostart: false })]));
    world.exited('b', null, 'SIGTERM', true);
    expectSame(world);
    world.gone('b');
    expectSame(world);
    expect([...world.state.instances.keys()]).toEqual(['a', 'c']);
    reload(system([organ('a', { replicas: 2 }), organ('b')]));
    expectSame(world);
  });
});

test('another boot begins anew; a new supervisor says how it found things', () => {
  const first = anEvent(1, 'system-booting', null, { instances: { a: 'a', b: 'b' } });
  const snapshot = {
    phase: 'ready',
    status: 'Degraded',
    instances: { a: { organ: 'a', state: 'ready', health: 'Degraded' } },
  };
  const taken = replay([first, anEvent(2, 'supervisor-started', null, snapshot)]);
  expect(taken).toMatchObject({ phase: 'ready', status: 'Degraded' });
  expect(Object.fromEntries(taken.instances)).toEqual(snapshot.instances);

  const second = { ...anEvent(3, 'system-booting', null, { instances: { c: 'c' } }), bootId: 'boot-2' };
  const anew = replay([first, anEvent(2, 'supervisor-started', null, snapshot), second]);
  expect(anew).toMatchObject({ bootId: 'boot-2', phase: 'booting', status: 'Operational' });
  expect([...anew.instances.keys()]).toEqual(['c']);
});

test('nothing has happened yet', () => {
  expect(replay([])).toMatchObject({ bootId: null, phase: 'stopped', status: 'Offline' });
});
