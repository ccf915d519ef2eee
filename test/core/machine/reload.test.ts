import { describe, expect, test } from 'vitest';
import type { SystemConfig } from '../../../src/core/config/model.ts';
import { planOf } from '../../../src/core/plan.ts';
import { needs, organ, system, World } from './world.ts';

const command = (text: string) => ({ shell: false, argv: [text] as [string], text });

function running(config: SystemConfig): World {
  const world = new World(config);
  world.up();
  for (let again = true; again; ) {
    again = false;
    for (const [name, { state }] of world.state.instances) {
      if (state.tag !== 'spawning') continue;
      world.ready(name);
      again = true;
    }
  }
  world.checks();
  return world;
}

const reload = (world: World, config: SystemConfig) => world.send({ type: 'reload', config, heldDown: [] });
const fifty = (change: (name: string) => Parameters<typeof organ>[1] = () => ({})) =>
  system(Array.from({ length: 50 }, (_, index) => organ(`o${index}`, change(`o${index}`))));

describe('plan', () => {
  test('names the one organ of fifty whose command changed, and why', () => {
    const plan = planOf(
      fifty(),
      fifty((name) => (name === 'o7' ? { command: command('false') } : {})),
    );
    expect(plan.organs).toEqual([{ organ: 'o7', action: 'restart', why: ['command: "true" is now "false"'] }]);
    expect(plan.unchanged).toBe(49);
  });

  test('tells restarts from what is taken on, new ones, gone ones, and other numbers', () => {
    const before = system([organ('a'), organ('b'), organ('c'), organ('d', { replicas: 2 })]);
    const now = system(
      [organ('a', { env: { X: '1' } }), organ('b', { category: 'Data' }), organ('d', { replicas: 3 }), organ('e')],
      { checks: [], security: { ...before.security, intervalMs: 1 } },
    );
    const plan = planOf(before, now);
    expect(plan.organs.map(({ organ, action }) => `${action} ${organ}`)).toEqual([
      'restart a',
      'update b',
      'scale d',
      'start e',
      'stop c',
    ]);
    expect(plan.system).toEqual(['security changed']);
  });

  test('the caller’s own environment is not a change', () => {
    const before = system([organ('a')], { callerEnv: { TERM: 'xterm' } });
    const now = system([organ('a')], { callerEnv: { TERM: 'dumb' } });
    const { organs, system: changed } = planOf(before, now);
    expect({ organs, changed }).toEqual({ organs: [], changed: [] });
  });
});

describe('reload', () => {
  test('restarts what changed and nothing else', () => {
    const world = running(fifty());
    reload(
      world,
      fifty((name) => (name === 'o7' ? { command: command('false') } : {})),
    );
    world.obeys('o7');
    world.ready('o7');
    const generations = [...world.state.instances.values()].map(({ name, generation }) => [name, generation] as const);
    expect(generations.filter(([, generation]) => generation > 1)).toEqual([['o7', 2]]);
    expect(world.state.config.organs.o7?.command.text).toBe('false');
  });

  test('what is in the file no more goes down, and then is forgotten', () => {
    const world = running(system([organ('a'), organ('b')]));
    reload(world, system([organ('a')]));
    expect(world.tag('b')).toBe('stopping');
    expect(world.state.config.organs.b).toBeDefined();
    world.obeys('b');
    expect([...world.state.instances.keys()]).toEqual(['a']);
    expect(Object.keys(world.state.config.organs)).toEqual(['a']);
    expect(world.state.retiring.size).toBe(0);
  });

  test('what is on its way out is not started by an up that comes with it', () => {
    const world = running(system([organ('a'), organ('b')]));
    const smaller = system([organ('a')]);
    reload(world, smaller);
    world.send({ type: 'up', config: smaller, organs: null, noDeps: false, heldDown: [] });
    world.obeys('b');
    expect([...world.state.instances.keys()]).toEqual(['a']);
  });

  test('what is new starts when what it needs is there', () => {
    const world = running(system([organ('a')]));
    reload(world, system([organ('a'), organ('b', { dependsOn: [needs('c')] }), organ('c')]));
    expect([world.tag('b'), world.tag('c')]).toEqual(['waiting', 'spawning']);
    world.ready('c');
    world.ready('b');
    expect(world.state.boot.phase).toBe('ready');
  });

  test('what had failed gets another chance when its declaration changed', () => {
    const never = { ...organ('x').restart, policy: 'never' as const };
    const world = running(system([organ('a', { restart: never })]));
    world.exits('a', 1);
    reload(world, system([organ('a', { restart: never, command: command('better') })]));
    expect(world.tag('a')).toBe('spawning');
  });

  test('the same file again changes nothing, and says so', () => {
    const world = running(fifty());
    const before = world.state.instances;
    reload(world, fifty());
    expect([...world.state.instances.values()]).toEqual([...before.values()]);
    expect(world.event('config-reloaded').message).toBe('the file says what runs already');
  });

  test('dependents that want it restart with a changed dependency, before and after it', () => {
    const file = (text: string) =>
      system([organ('a', { command: command(text) }), organ('b', { dependsOn: [{ ...needs('a'), restart: true }] })]);
    const world = running(file('one'));
    reload(world, file('two'));
    expect([world.tag('a'), world.tag('b')]).toEqual(['ready', 'stopping']);
    world.obeys('b');
    world.obeys('a');
    world.ready('a');
    world.ready('b');
    expect(world.instance('b').generation).toBe(2);
  });

  test('a reload while everything goes down changes nothing', () => {
    const world = running(system([organ('a')]));
    world.send({ type: 'down', reason: 'test', timeoutMs: null });
    reload(world, system([organ('a'), organ('b')]));
    expect(world.state.instances.has('b')).toBe(false);
  });
});

describe('replicas', () => {
  test('more of them start, fewer of them go, the others stay', () => {
    const world = running(system([organ('a', { replicas: 2 })]));
    reload(world, system([organ('a', { replicas: 3 })]));
    world.ready('a-3');
    reload(world, system([organ('a', { replicas: 2 })]));
    world.obeys('a-3');
    expect([...world.state.instances.values()].map(({ name, generation }) => [name, generation])).toEqual([
      ['a-1', 1],
      ['a-2', 1],
    ]);
  });

  test('a restart goes through them one by one: never fewer than all but one are ready', () => {
    const world = running(system([organ('a', { replicas: 3 })]));
    world.send({ type: 'act', verb: 'restart', instances: ['a-1', 'a-2', 'a-3'] });
    const readyOnes = () => ['a-1', 'a-2', 'a-3'].filter((name) => world.tag(name) === 'ready').length;
    for (const name of ['a-1', 'a-2', 'a-3']) {
      expect(readyOnes()).toBe(2);
      expect(world.tag(name)).toBe('stopping');
      world.obeys(name);
      expect(readyOnes()).toBe(2);
      world.ready(name);
    }
    expect(readyOnes()).toBe(3);
  });
});
