import { describe, expect, test } from 'vitest';
import { FAIL, needs, organ, PASS, system, task, World } from './world.ts';

const one = (change: Parameters<typeof organ>[1] = {}): World => {
  const world = new World(system([organ('a', change)]));
  world.up();
  return world;
};
const health = (change: Partial<ReturnType<typeof organ>['health']>) => ({
  health: { ...organ('x').health, ...change },
});

describe('becoming ready', () => {
  test('a probed organ is ready when its probe passes', () => {
    const world = one();
    world.spawned('a');
    world.probed('a', FAIL);
    expect(world.instance('a').reason).toBe('not ready yet: status 503, expected 200-299');
    world.pass(240);
    world.probed('a');
    expect(world.event('organ-ready', 'a').data).toEqual({ durationMs: 240, how: 'tcp' });
    expect(world.instance('a').health.level).toBe('Healthy');
    expect(world.wants('monitor', 'a')).toBe(true);
  });

  test('without a probe it is assumed ready after 200 ms of life', () => {
    const world = one(health({ probe: { kind: 'none' } }));
    world.spawned('a');
    world.pass(199);
    expect(world.tag('a')).toBe('starting');
    world.pass(1);
    expect(world.tag('a')).toBe('ready');
    expect(world.types()).toContain('organ-assumed-ready a');
    expect(world.wants('monitor', 'a')).toBe(false);
  });

  test('by a line, a descriptor or a message the organ says it itself', () => {
    const world = one(health({ probe: { kind: 'fd', fd: 3 } }));
    world.spawned('a');
    world.pass(5000);
    expect(world.tag('a')).toBe('starting');
    world.tell('a', { type: 'signalledReady', generation: 1 });
    expect(world.tag('a')).toBe('ready');
  });

  test('verify comes between readiness and the release of dependents', () => {
    const check = {
      name: 'mines',
      organ: 'a',
      probe: { kind: 'tcp', target: '1' },
      expect: organ('x').health.expect,
      timeoutMs: 1,
    } as const;
    const world = new World(system([organ('a', { verify: [check] }), organ('b', { dependsOn: [needs('a')] })]));
    world.up();
    world.ready('a');
    expect(world.tag('a')).toBe('starting');
    expect(world.tag('b')).toBe('waiting');
    world.tell('a', { type: 'verified', generation: 1, passed: true, message: '' });
    expect(world.tag('b')).toBe('spawning');
  });

  test('a verify that fails is a failed start', () => {
    const check = {
      name: 'mines',
      organ: 'a',
      probe: { kind: 'tcp', target: '1' },
      expect: organ('x').health.expect,
      timeoutMs: 1,
    } as const;
    const world = one({ verify: [check] });
    world.ready('a');
    world.tell('a', { type: 'verified', generation: 1, passed: false, message: 'verify "mines" failed: no' });
    expect(world.tag('a')).toBe('stopping');
    world.obeys('a');
    expect(world.tag('a')).toBe('backoff');
    expect(world.instance('a').reason).toBe('verify "mines" failed: no');
  });

  test('never ready within start_timeout is a failed start that says why', () => {
    const world = one({ ...health({ startTimeoutMs: 3000 }), restart: { ...organ('x').restart, policy: 'never' } });
    world.spawned('a');
    world.probed('a', FAIL);
    world.pass(3000);
    world.obeys('a');
    expect(world.event('organ-failed').data.cause).toBe('not ready within 3.0 s: status 503, expected 200-299');
  });

  test('what cannot be spawned is failed at once, and what the machine has no room for is tried again', () => {
    const world = one();
    world.tell('a', { type: 'spawnFailed', generation: 1, again: true, message: 'fork: EAGAIN' });
    expect(world.tag('a')).toBe('backoff');
    world.pass(100);
    expect(world.instance('a').generation).toBe(2);
    world.tell('a', { type: 'spawnFailed', generation: 2, again: false, message: 'nod: not found in PATH (/bin)' });
    expect(world.tag('a')).toBe('failed');
    expect(world.instance('a').reason).toBe('nod: not found in PATH (/bin)');
    expect(world.instance('a').history.times).toEqual([]);
  });
});

describe('healing', () => {
  test('restarts with growing delays, over the limit within the window it is failed', () => {
    const world = one({ restart: { ...organ('x').restart, limit: 3 } });
    const delays: unknown[] = [];
    for (let life = 1; life <= 4; life++) {
      world.ready('a');
      world.exits('a', 1);
      if (life <= 3) {
        delays.push(world.event('organ-restarting').data.delayMs);
        world.pass(Number(delays.at(-1)));
      }
    }
    expect(delays).toEqual([500, 1000, 2000]);
    expect(world.tag('a')).toBe('failed');
    expect(world.instance('a').reason).toBe('exited with code 1; the limit of 3 restarts within 10 min is reached');
    expect(world.instance('a').health.level).toBe('Critical');
  });

  test('running for reset_after makes the delay start over', () => {
    const world = one();
    world.ready('a');
    world.exits('a', 1);
    world.pass(500);
    world.ready('a');
    world.pass(60_000);
    world.exits('a', 1);
    expect(world.event('organ-restarting').data.delayMs).toBe(500);
  });

  test('three restarts in a row are a crash loop, which is Critical', () => {
    const world = one();
    for (let life = 1; life <= 3; life++) {
      world.ready('a');
      world.exits('a', 1);
      if (life < 3) {
        expect(world.instance('a').health.level).toBe('Degraded');
        world.pass(10_000);
      }
    }
    expect(world.instance('a').health).toMatchObject({ level: 'Critical', reason: 'crash loop: exited with code 1' });
  });

  test.each([
    ['always', 'service', 0, 'backoff'],
    ['always', 'service', 1, 'backoff'],
    ['on-failure', 'service', 0, 'completed'],
    ['on-failure', 'service', 1, 'backoff'],
    ['never', 'service', 0, 'completed'],
    ['never', 'service', 1, 'failed'],
  ] as const)('restart: %s, a %s that exits %i is %s', (policy, _kind, code, tag) => {
    const world = one({ restart: { ...organ('x').restart, policy } });
    world.ready('a');
    world.exits('a', code);
    expect(world.tag('a')).toBe(tag);
  });

  test('success_exit_codes are successes', () => {
    const world = new World(system([task('t', { successExitCodes: [0, 3] })]));
    world.up();
    world.spawned('t');
    world.exits('t', 3);
    expect(world.tag('t')).toBe('completed');
  });

  test('failures in a row make it Critical, which restarts it; with health.restart false it does not', () => {
    for (const restart of [true, false]) {
      const world = one(health({ restart }));
      world.ready('a');
      world.probed('a', FAIL);
      world.probed('a', FAIL);
      expect(world.instance('a').health.level).toBe('Degraded');
      world.probed('a', FAIL);
      expect(world.instance('a').health.level).toBe('Critical');
      expect(world.tag('a')).toBe(restart ? 'stopping' : 'ready');
    }
  });

  test('a late answer about an earlier life changes nothing', () => {
    const world = one();
    world.ready('a');
    world.exits('a', 1);
    world.pass(500);
    world.ready('a');
    const before = world.state;
    world.tell('a', { type: 'probed', generation: 1, observation: FAIL });
    world.tell('a', {
      type: 'exited',
      generation: 1,
      exit: { code: 1, signal: null, at: 0, pid: 1, ours: false, oomKilled: false },
    });
    expect(world.state.instances).toBe(before.instances);
    expect(PASS.verdict).toBe('pass');
  });

  test('what it left behind is cleared before it starts again', () => {
    const world = one();
    world.ready('a');
    world.exited('a', 1);
    world.pass(60_000);
    expect(world.tag('a')).toBe('stopping');
    world.gone('a', 'killTree');
    expect(world.tag('a')).toBe('backoff');
  });

  test('a signal that azora did not send is said to be a stranger’s', () => {
    const world = one();
    world.ready('a');
    world.exits('a', null, 'SIGKILL');
    expect(world.event('organ-exited').message).toContain('was killed by SIGKILL, not sent by azora');
  });

  test.each([
    ['SIGTERM', true, 'was ended by SIGTERM, as azora asked (stopped by a user)'],
    ['SIGKILL', true, 'was killed by azora with SIGKILL (stopped by a user)'],
    [0, false, 'exited with code 0, as azora asked (stopped by a user)'],
    ['SIGKILL', false, 'was killed by SIGKILL, not sent by azora'],
  ] as const)('an end that was asked for says by whom: %s', (end, ours, words) => {
    const world = one();
    world.ready('a');
    world.send({ type: 'act', verb: 'stop', instances: ['a'] });
    world.exited('a', typeof end === 'number' ? end : null, typeof end === 'string' ? end : null, ours);
    expect(world.event('organ-exited').message).toBe(`a (pid 4001) ${words}`);
  });
});

describe('stopping', () => {
  const chain = (): World => {
    const world = new World(
      system([organ('a'), organ('b', { dependsOn: [needs('a')] }), organ('c', { dependsOn: [needs('b')] })]),
    );
    world.up();
    for (const name of ['a', 'b', 'c']) world.ready(name);
    world.checks();
    return world;
  };

  test('down goes in reverse order, each when its dependents are gone', () => {
    const world = chain();
    world.send({ type: 'down', reason: 'azora down', timeoutMs: null });
    expect([world.tag('a'), world.tag('b'), world.tag('c')]).toEqual(['ready', 'ready', 'stopping']);
    world.obeys('c');
    expect(world.tag('b')).toBe('stopping');
    world.obeys('b');
    world.obeys('a');
    expect(world.state.boot.phase).toBe('stopped');
    expect(world.wants('halt')).toBe(true);
    expect(world.types().at(-1)).toBe('system-stopped');
  });

  test('down of what is down says nothing, and closes the books all the same: whoever closed them may have died', () => {
    const before = new World(system([organ('a')]));
    before.up();
    before.ready('a');
    before.send({ type: 'down', reason: 'azora down', timeoutMs: null });
    before.obeys('a');
    const world = new World(before.state.config);
    world.resume(before.state, []);
    expect(world.wants('halt')).toBe(false);
    world.send({ type: 'down', reason: 'azora down', timeoutMs: null });
    expect(world.wants('halt')).toBe(true);
    expect(world.types()).toEqual([]);
  });

  test('branches stop in parallel', () => {
    const world = new World(system([organ('a'), organ('b'), organ('c')]));
    world.up();
    for (const name of ['a', 'b', 'c']) world.ready(name);
    world.send({ type: 'down', reason: 'azora down', timeoutMs: null });
    expect(['a', 'b', 'c'].map((name) => world.tag(name))).toEqual(['stopping', 'stopping', 'stopping']);
  });

  test('down during a start ends what is being started', () => {
    const world = one();
    world.send({ type: 'down', reason: 'azora down', timeoutMs: null });
    expect(world.tag('a')).toBe('spawning');
    world.spawned('a');
    expect(world.tag('a')).toBe('stopping');
    world.obeys('a');
    expect(world.state.boot.phase).toBe('stopped');
  });

  test('nothing is started after down, also not out of a backoff', () => {
    const world = one();
    world.ready('a');
    world.exits('a', 1);
    world.send({ type: 'down', reason: 'azora down', timeoutMs: null });
    expect(world.state.boot.phase).toBe('stopped');
    world.pass(100_000);
    expect(world.tag('a')).toBe('stopped');
  });

  test('force kills every tree at once, without order', () => {
    const world = chain();
    world.send({ type: 'down', reason: 'azora down', timeoutMs: null });
    world.send({ type: 'force' });
    for (const name of ['a', 'b', 'c']) expect(world.wants('killTree', name)).toBe(true);
    for (const name of ['a', 'b', 'c']) world.gone(name, 'killTree');
    expect(world.state.boot.phase).toBe('stopped');
  });

  test('what cannot be killed is stuck, named, and never started beside itself', () => {
    const world = one();
    world.ready('a');
    world.send({ type: 'act', verb: 'restart', instances: ['a'] });
    world.gone('a', 'stopTree', [{ pid: 77, command: 'zombie-maker' }]);
    expect(world.tag('a')).toBe('stuck');
    expect(world.event('organ-stuck').message).toContain('77 (zombie-maker)');
    expect(world.wants('spawn', 'a')).toBe(false);
    world.send({ type: 'act', verb: 'start', instances: ['a'] });
    expect(world.tag('a')).toBe('stopping');
    world.gone('a', 'killTree');
    expect(world.tag('a')).toBe('spawning');
  });

  test('a stopped organ stays stopped; a restarted one comes again', () => {
    const world = one();
    world.ready('a');
    world.send({ type: 'act', verb: 'stop', instances: ['a'] });
    world.obeys('a');
    world.pass(1_000_000);
    expect(world.tag('a')).toBe('stopped');
    expect(world.instance('a').reason).toBe('stopped by a user');
    world.send({ type: 'act', verb: 'start', instances: ['a'] });
    world.ready('a');
    world.send({ type: 'act', verb: 'restart', instances: ['a'] });
    world.obeys('a');
    expect(world.tag('a')).toBe('spawning');
  });

  test('start during a stop starts it again afterwards', () => {
    const world = one();
    world.ready('a');
    world.send({ type: 'act', verb: 'stop', instances: ['a'] });
    world.send({ type: 'act', verb: 'start', instances: ['a'] });
    world.obeys('a');
    expect(world.tag('a')).toBe('spawning');
  });

  test('a hundred restarts in a row are one', () => {
    const world = one();
    world.ready('a');
    for (let i = 0; i < 100; i++) world.send({ type: 'act', verb: 'restart', instances: ['a'] });
    world.obeys('a');
    expect(world.instance('a').generation).toBe(2);
    expect(world.pending.filter((effect) => effect.type === 'spawn')).toHaveLength(1);
  });

  test('restarting an organ and what it needs does both, in order', () => {
    const world = chain();
    world.send({ type: 'act', verb: 'restart', instances: ['b', 'a'] });
    expect([world.tag('a'), world.tag('b'), world.tag('c')]).toEqual(['ready', 'stopping', 'ready']);
    world.obeys('b');
    expect([world.tag('a'), world.tag('b')]).toEqual(['stopping', 'waiting']);
    world.obeys('a');
    world.ready('a');
    expect(world.tag('b')).toBe('spawning');
  });

  test('an exit in the middle of a stop is the stop', () => {
    const world = one();
    world.ready('a');
    world.send({ type: 'act', verb: 'stop', instances: ['a'] });
    world.exited('a', 0);
    expect(world.tag('a')).toBe('stopping');
    world.gone('a');
    expect(world.tag('a')).toBe('stopped');
    expect(world.instance('a').restarts).toBe(0);
  });
});

describe('what is about another life than the present one', () => {
  const exit = { code: 1, signal: null, at: 0, pid: 4001, ours: false, oomKilled: false };
  const foreign: Parameters<World['tell']>[1][] = [
    { type: 'spawned', generation: 1, pid: 9 },
    { type: 'spawnFailed', generation: 1, again: false, message: 'no' },
    { type: 'signalledReady', generation: 1 },
    { type: 'probed', generation: 1, observation: FAIL },
    { type: 'probed', generation: 3, observation: FAIL },
    { type: 'unheard', generation: 1, forMs: 1e6 },
    { type: 'verified', generation: 1, passed: false, message: 'no' },
    { type: 'exited', generation: 1, exit },
    { type: 'gone', generation: 1, left: [{ pid: 9, command: 'x' }] },
    { type: 'exceeded', generation: 1, message: 'too much' },
    { type: 'elapsed', generation: 1, timer: 'start-timeout' },
  ];
  test.each(foreign)('is dropped: $type of generation $generation', (input) => {
    const world = one();
    world.ready('a');
    world.exits('a', 1);
    world.pass(60_000);
    world.ready('a');
    expect(world.instance('a').generation).toBe(2);
    const [before, said] = [world.state, world.events.length];
    world.tell('a', input);
    expect(world.state.instances).toEqual(before.instances);
    expect(world.events).toHaveLength(said);
  });
});
