import { expect, test } from 'vitest';
import type { Dependency } from '../../../src/core/config/model.ts';
import { Instances } from '../../../src/core/machine/instances.ts';
import { idle } from '../../../src/core/machine/new-system.ts';
import { conditionsHold, isHopeless, obstacles } from '../../../src/core/machine/relations.ts';
import type { Instance, SystemState } from '../../../src/core/machine/state.ts';
import { organ, system } from './world.ts';

const LEVELS = 60;

/** Two organs a level, each of which needs both of the level below: 2^60 ways from the top to the bottom. */
function ladder(bottom: Instance['state'], required: boolean): { state: SystemState; top: Instance } {
  const needs = (level: number): Dependency[] =>
    level === 0
      ? []
      : ['a', 'b'].map((side) => ({ organ: `${side}${level - 1}`, condition: 'started', restart: false, required }));
  const config = system(
    Array.from({ length: LEVELS }, (_, level) =>
      ['a', 'b'].map((side) => organ(`${side}${level}`, { dependsOn: needs(level) })),
    ).flat(),
  );
  const blank = idle(config, { bootId: 'boot', startedAt: { wall: 0, mono: 0 } });
  const instances = new Map(
    [...blank.instances].map(([name, instance]): [string, Instance] => {
      const state = name.slice(1) === '0' ? bottom : { tag: 'waiting' as const, since: { wall: 0, mono: 0 } };
      return [name, { ...instance, desired: state.tag === 'stopped' ? 'down' : 'up', state }];
    }),
  );
  return { state: { ...blank, instances: Instances.copyOf(instances) }, top: instances.get(`a${LEVELS - 1}`)! };
}

const failed: Instance['state'] = { tag: 'failed', cause: 'it crashed' };
const life = { generation: 1, pid: 7, since: { wall: 0, mono: 0 } };
const stuck: Instance['state'] = { tag: 'stuck', life, processes: [] };
const stopped: Instance['state'] = { tag: 'stopped' };
const spawning: Instance['state'] = { tag: 'spawning', generation: 1, since: { wall: 0, mono: 0 }, stop: null };

test.each([
  { bottom: failed, required: true, hopeless: true },
  { bottom: failed, required: false, hopeless: false },
  { bottom: stuck, required: true, hopeless: true },
  { bottom: stopped, required: true, hopeless: true },
  { bottom: spawning, required: true, hopeless: false },
])(
  'a graph with 2^60 ways through it is looked at once: $bottom.tag, required $required',
  ({ bottom, required, hopeless }) => {
    const { state, top } = ladder(bottom, required);
    expect(isHopeless(state, top)).toBe(hopeless);
    expect(obstacles(state, top).map(({ forGood }) => forGood)).toEqual([hopeless, hopeless]);
  },
);

test.each([
  { bottom: failed, required: true },
  { bottom: failed, required: false },
  { bottom: spawning, required: true },
])('conditions hold just when there are no obstacles: $bottom.tag, required $required', ({ bottom, required }) => {
  const { state } = ladder(bottom, required);
  for (const instance of state.instances.values()) {
    expect(conditionsHold(state, instance), instance.name).toBe(obstacles(state, instance).length === 0);
  }
});
