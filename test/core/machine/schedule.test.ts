import { describe, expect, test } from 'vitest';
import { autoscale, LOOKS_DOWN, LOOKS_UP, NOTHING_SEEN } from '../../../src/core/autoscale.ts';
import { organ, system, task, World } from './world.ts';

function scheduled(): World {
  const world = new World(system([task('backup', { schedule: '*/5 * * * *' }), organ('web')]));
  world.up();
  world.ready('web');
  world.checks();
  return world;
}

const due = (world: World, missed = 0) => world.send({ type: 'due', organ: 'backup', missed });

describe('a scheduled task', () => {
  test('does not run at boot, and does not keep the boot waiting', () => {
    const world = scheduled();
    expect(world.instance('backup')).toMatchObject({ state: { tag: 'stopped' }, reason: 'it runs on its schedule' });
    expect(world.state.boot.phase).toBe('ready');
  });

  test('runs when its time has come, and again the next time', () => {
    const world = scheduled();
    for (const run of [1, 2]) {
      due(world);
      world.spawned('backup');
      world.exits('backup', 0);
      expect(world.tag('backup')).toBe('completed');
      expect(world.instance('backup').health.metrics).toEqual({ runs: run, skipped: 0, missed: 0 });
    }
  });

  test('is skipped and counted while the run before has not ended', () => {
    const world = scheduled();
    due(world);
    world.spawned('backup');
    due(world);
    due(world);
    expect(world.instance('backup').generation).toBe(1);
    expect(world.instance('backup').health.metrics).toEqual({ runs: 1, skipped: 2, missed: 0 });
    expect(world.event('warning', 'backup').message).toContain('2 skipped so far');
  });

  test('runs once for any number of times that were missed, and counts them', () => {
    const world = scheduled();
    due(world, 7);
    expect(world.tag('backup')).toBe('spawning');
    expect(world.instance('backup').health.metrics).toEqual({ runs: 1, skipped: 0, missed: 7 });
  });

  test('is not started on the way down', () => {
    const world = scheduled();
    world.send({ type: 'down', reason: 'test', timeoutMs: null });
    due(world);
    expect(world.tag('backup')).toBe('stopped');
  });
});

test('an organ that uses more than it may is restarted with that reason', () => {
  const world = new World(system([organ('a')]));
  world.up();
  world.ready('a');
  world.tell('a', { type: 'exceeded', generation: 1, message: 'it uses 600 MiB, more than its 512 MiB' });
  world.obeys('a');
  expect(world.tag('a')).toBe('backoff');
  expect(world.instance('a').reason).toBe('it uses 600 MiB, more than its 512 MiB');
});

describe('autoscale', () => {
  const rule = { min: 1, max: 3, cpu: 70 };
  const look = (replicas: number, cpu: number, times: number) => {
    let state = { replicas, memory: NOTHING_SEEN };
    for (let i = 0; i < times; i++) state = autoscale(rule, state.replicas, cpu, state.memory);
    return state.replicas;
  };

  test('adds one after being busy for a while, and not beyond max', () => {
    expect(look(1, 90, LOOKS_UP - 1)).toBe(1);
    expect(look(1, 90, LOOKS_UP)).toBe(2);
    expect(look(3, 100, 20)).toBe(3);
  });

  test('takes one away when the rest can carry the load with room, and not below min', () => {
    expect(look(2, 10, LOOKS_DOWN - 1)).toBe(2);
    expect(look(2, 10, LOOKS_DOWN)).toBe(1);
    expect(look(1, 0, 20)).toBe(1);
  });

  test('does not swing: what would be too busy with one fewer stays', () => {
    expect(look(2, 40, 50)).toBe(2);
  });

  test('comes into its bounds at once', () => {
    expect(look(5, 50, 1)).toBe(3);
    expect(autoscale({ ...rule, min: 2 }, 1, 0, NOTHING_SEEN).replicas).toBe(2);
  });
});
