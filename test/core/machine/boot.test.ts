import { describe, expect, test } from 'vitest';
import { needs, organ, system, task, World } from './world.ts';

describe('what may start', () => {
  test('a chain starts one after the other, each as soon as the one before is healthy', () => {
    const world = new World(
      system([organ('a'), organ('b', { dependsOn: [needs('a')] }), organ('c', { dependsOn: [needs('b')] })]),
    );
    world.up();
    expect(world.tag('a')).toBe('spawning');
    expect(world.tag('b')).toBe('waiting');
    world.spawned('a');
    expect(world.tag('b')).toBe('waiting');
    world.probed('a');
    expect(world.tag('b')).toBe('spawning');
    expect(world.tag('c')).toBe('waiting');
    world.ready('b');
    world.ready('c');
    world.checks();
    expect(world.state.boot.phase).toBe('ready');
  });

  test('"started" is met as soon as the dependency runs', () => {
    const world = new World(system([organ('a'), organ('b', { dependsOn: [needs('a', 'started')] })]));
    world.up();
    expect(world.tag('b')).toBe('waiting');
    world.spawned('a');
    expect(world.tag('b')).toBe('spawning');
  });

  test('"completed" is met by exit 0 and by nothing else', () => {
    const world = new World(system([task('migrate'), organ('web', { dependsOn: [needs('migrate', 'completed')] })]));
    world.up();
    world.spawned('migrate');
    expect(world.tag('web')).toBe('waiting');
    world.exits('migrate', 0);
    expect(world.tag('migrate')).toBe('completed');
    expect(world.tag('web')).toBe('spawning');
  });

  test('"exited" is met by any code', () => {
    const world = new World(system([task('lint'), organ('web', { dependsOn: [needs('lint', 'exited')] })]));
    world.up();
    world.spawned('lint');
    world.exits('lint', 3);
    expect(world.tag('lint')).toBe('failed');
    expect(world.tag('web')).toBe('spawning');
  });

  test('a dependency that is not required blocks only while there is hope for it', () => {
    const never = { ...organ('x').restart, policy: 'never' as const };
    const world = new World(
      system([organ('cache', { restart: never }), organ('web', { dependsOn: [needs('cache', 'healthy', false)] })]),
    );
    world.up();
    world.spawned('cache');
    expect(world.tag('web')).toBe('waiting');
    world.exits('cache', 1);
    expect(world.tag('web')).toBe('spawning');
  });

  test('who has started already is not said to be kept from starting', () => {
    const never = { ...organ('x').restart, policy: 'never' as const };
    const world = new World(
      system([organ('a', { restart: never }), organ('b', { dependsOn: [needs('a', 'started')] })]),
    );
    world.up();
    world.spawned('a');
    world.spawned('b');
    world.exits('a', 3);
    expect(world.event('organ-failed', 'a').data).toMatchObject({ blocked: [] });
    expect(world.event('organ-failed').message).toBe('a failed: exited with code 3 before it was ready');
  });

  test('a failed dependency leaves its dependents waiting with the reason, and they go on when it recovers', () => {
    const never = { ...organ('x').restart, policy: 'never' as const };
    const world = new World(
      system([
        organ('a', { restart: never }),
        organ('b', { dependsOn: [needs('a')] }),
        organ('c', { dependsOn: [needs('b')] }),
      ]),
    );
    world.up();
    world.spawned('a');
    world.exits('a', 3);
    expect(world.event('organ-failed', 'a').data).toMatchObject({ code: 3, blocked: ['b', 'c'] });
    expect(world.event('organ-failed').message).toBe(
      'a failed: exited with code 3 before it was ready; it keeps b, c from starting',
    );
    expect(world.tag('b')).toBe('waiting');
    world.send({ type: 'act', verb: 'start', instances: ['a'] });
    world.ready('a');
    expect(world.tag('b')).toBe('spawning');
  });

  test('named organs bring what they need, and nothing else', () => {
    const world = new World(system([organ('a'), organ('b', { dependsOn: [needs('a')] }), organ('c')]));
    world.up(['b']);
    expect(world.tag('a')).toBe('spawning');
    expect(world.tag('c')).toBe('stopped');
    expect(world.instance('c').reason).toBe('not asked for');
  });

  test('without dependencies a named organ starts alone', () => {
    const world = new World(system([organ('a'), organ('b', { dependsOn: [needs('a')] })]));
    world.up(['b'], [], true);
    expect(world.tag('a')).toBe('stopped');
    expect(world.tag('b')).toBe('spawning');
  });

  test('what a user stopped before stays down and keeps its dependents waiting', () => {
    const world = new World(system([organ('a'), organ('b', { dependsOn: [needs('a')] })]));
    world.up(null, ['a']);
    expect(world.tag('a')).toBe('stopped');
    expect(world.tag('b')).toBe('waiting');
    expect(world.event('organ-waiting', 'b').message).toBe(
      'b waits for a to be healthy: a is stopped (stopped by a user; it stays down until someone starts it)',
    );
  });

  test('replicas are instances of their own, and a dependent waits for each', () => {
    const world = new World(system([organ('a', { replicas: 2 }), organ('b', { dependsOn: [needs('a')] })]));
    world.up();
    world.ready('a-1');
    expect(world.tag('b')).toBe('waiting');
    world.ready('a-2');
    expect(world.tag('b')).toBe('spawning');
  });
});

describe('steps', () => {
  const steps = [
    { name: 'One', organs: ['a'] },
    { name: 'Two', organs: ['b'] },
  ];

  test('run one after the other; organs in no step do not wait for them', () => {
    const world = new World(system([organ('a'), organ('b'), organ('free')], { boot: { timeoutMs: 1000, steps } }));
    world.up();
    expect([world.tag('a'), world.tag('b'), world.tag('free')]).toEqual(['spawning', 'waiting', 'spawning']);
    world.ready('a');
    expect(world.tag('b')).toBe('spawning');
    world.ready('b');
    world.ready('free');
    world.checks();
    const said = world.events
      .filter((event) => event.type === 'boot-step')
      .map(({ data }) => `${data.step} ${data.status}`);
    expect(said).toEqual([
      'One started',
      'One done',
      'Two started',
      'Two done',
      'Health and security monitoring started',
      'Health and security monitoring done',
      'Comprehensive checks started',
      'Comprehensive checks done',
    ]);
    expect(world.types().at(-1)).toBe('system-ready');
  });

  test('an organ of a later step that an earlier one needs comes with the earlier one', () => {
    const world = new World(
      system([organ('a', { dependsOn: [needs('b')] }), organ('b')], { boot: { timeoutMs: 1000, steps } }),
    );
    world.up();
    expect(world.tag('b')).toBe('spawning');
    world.ready('b');
    world.ready('a');
    expect(world.wants('runChecks')).toBe(true);
  });

  test('a step whose organ failed is failed, and the next one goes on', () => {
    const never = { ...organ('x').restart, policy: 'never' as const };
    const world = new World(system([organ('a', { restart: never }), organ('b')], { boot: { timeoutMs: 1000, steps } }));
    world.up();
    world.spawned('a');
    world.exits('a', 1);
    expect(world.event('boot-step').data).toMatchObject({ step: 'Two', status: 'started' });
    world.ready('b');
    world.checks();
    expect(world.state.boot.phase).toBe('ready');
  });
});

describe('the end of a boot', () => {
  test('system-ready is said once in a boot, also when more is started later', () => {
    const world = new World(system([organ('a'), organ('later', { autostart: false })]));
    world.up();
    world.ready('a');
    world.checks();
    world.up(['later']);
    world.ready('later');
    expect(world.types().filter((type) => type === 'system-ready')).toHaveLength(1);
    expect(world.state.boot.phase).toBe('ready');
  });

  test('a failed check does not keep the system from being ready, and is told', () => {
    const world = new World(system([organ('a')]));
    world.up();
    world.ready('a');
    world.checks(false);
    expect(world.event('checks-completed').message).toBe('1 of 1 checks failed: chain (no)');
    expect(world.event('system-ready').data).toMatchObject({ checksPassed: false });
  });

  test('a critical organ that fails for good ends the boot; what runs keeps running', () => {
    const never = { ...organ('x').restart, policy: 'never' as const };
    const world = new World(system([organ('a'), organ('heart', { critical: true, restart: never })]));
    world.up();
    world.ready('a');
    world.spawned('heart');
    world.exits('heart', 9);
    expect(world.state.boot.phase).toBe('boot-failed');
    expect(world.event('system-boot-failed').message).toContain('heart failed: exited with code 9');
    expect(world.tag('a')).toBe('ready');
    expect(world.timers.map((timer) => timer.key)).not.toContain('boot');
  });

  test('a boot that failed can be gone on with', () => {
    const never = { ...organ('x').restart, policy: 'never' as const };
    const world = new World(system([organ('heart', { critical: true, restart: never })]));
    world.up();
    world.spawned('heart');
    world.exits('heart', 9);
    world.up();
    world.ready('heart');
    world.checks();
    expect(world.state.boot.phase).toBe('ready');
  });

  test('boot.timeout names whom it waited for', () => {
    const world = new World(
      system([organ('slow'), organ('b', { dependsOn: [needs('slow')] })], { boot: { timeoutMs: 5000, steps: [] } }),
    );
    world.up();
    world.spawned('slow');
    world.pass(5000);
    expect(world.state.boot.phase).toBe('boot-failed');
    expect(world.event('system-boot-failed').data.reason).toBe(
      'not ready within 5.0 s (boot.timeout): slow is not ready; b waits for slow to be healthy: slow is starting',
    );
  });
});
