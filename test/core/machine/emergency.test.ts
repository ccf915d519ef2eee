import { describe, expect, test } from 'vitest';
import { needs, organ, system, World } from './world.ts';

const never = { ...organ('x').restart, policy: 'never' as const };
const onFailure = { on: ['critical-organ-failed' as const], deadlineMs: 15_000 };

function booted(on = onFailure): World {
  const world = new World(
    system(
      [
        organ('heart', { critical: true, restart: never }),
        organ('hand', { dependsOn: [needs('heart')] }),
        organ('hair', { restart: never }),
      ],
      { emergency: on },
    ),
  );
  world.up();
  for (const name of ['heart', 'hand', 'hair']) world.ready(name);
  world.checks();
  return world;
}

describe('emergency shutdown', () => {
  test('follows on the final failure of a critical organ: latch first, then down in reverse order', () => {
    const world = booted();
    world.exits('heart', 9);
    expect(world.state.boot.phase).toBe('emergency');
    const kinds = world.all.map((effect) => effect.type);
    expect(kinds.indexOf('latch')).toBeLessThan(kinds.lastIndexOf('stopTree'));
    expect(world.event('emergency-shutdown').message).toContain('critical organ heart failed: exited with code 9');
    expect(world.tag('heart')).toBe('failed');
    world.obeys('hand');
    world.obeys('hair');
    expect(world.state.boot.phase).toBe('halted');
    expect(world.wants('halt')).toBe(true);
  });

  test('does not follow on any other organ’s failure, nor when the file does not want it', () => {
    const world = booted();
    world.exits('hair', 1);
    expect(world.state.boot.phase).toBe('ready');
    const unwanted = booted({ on: [], deadlineMs: 1 });
    unwanted.exits('heart', 9);
    expect(unwanted.state.boot.phase).toBe('ready');
  });

  test('is not the end of a boot: that is boot-failed', () => {
    const world = new World(system([organ('heart', { critical: true, restart: never })], { emergency: onFailure }));
    world.up();
    world.spawned('heart');
    world.exits('heart', 9);
    expect(world.state.boot.phase).toBe('boot-failed');
  });

  test('nothing is started after it, whatever is asked', () => {
    const world = booted();
    world.send({ type: 'emergency', reason: 'drill', organ: null });
    world.send({ type: 'act', verb: 'restart', instances: ['hand'] });
    world.send({ type: 'act', verb: 'start', instances: ['hand'] });
    world.obeys('hand');
    world.obeys('hair');
    world.obeys('heart');
    world.pass(1_000_000);
    expect(world.pending.filter((effect) => effect.type === 'spawn')).toEqual([]);
    expect(world.state.boot.phase).toBe('halted');
  });

  test('at the deadline everything that is left is killed at once', () => {
    const world = booted();
    world.send({ type: 'emergency', reason: 'drill', organ: null });
    expect(world.tag('heart')).toBe('ready');
    world.send({ type: 'emergencyDeadline' });
    for (const name of ['heart', 'hand', 'hair']) expect(world.wants('killTree', name)).toBe(true);
  });

  test('a second one is the same one', () => {
    const world = booted();
    world.send({ type: 'emergency', reason: 'drill', organ: null });
    world.send({ type: 'emergency', reason: 'again', organ: null });
    expect(world.all.filter((effect) => effect.type === 'latch')).toHaveLength(1);
  });
});
