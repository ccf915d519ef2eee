import { describe, expect, test } from 'vitest';
import { statusDocument, systemStatus } from '../../../src/core/status-view.ts';
import { FAIL, needs, organ, system, task, World } from './world.ts';

const calm = (name: string, change: Parameters<typeof organ>[1] = {}) =>
  organ(name, { ...change, health: { ...organ('x').health, restart: false } });

function chain(): World {
  const world = new World(
    system([calm('a'), calm('b', { dependsOn: [needs('a')] }), calm('c', { dependsOn: [needs('b')] }), calm('free')]),
  );
  world.up();
  for (const name of ['a', 'b', 'c', 'free']) world.ready(name);
  world.checks();
  return world;
}

const level = (world: World, name: string) => world.instance(name).verdict.level;

describe('sickness travels', () => {
  test('to dependents and theirs with the reason, and back when it is over', () => {
    const world = chain();
    world.probed('a', FAIL);
    expect(level(world, 'a')).toBe('Degraded');
    expect(world.instance('b').verdict).toEqual({
      level: 'Degraded',
      reason: 'depends on a, which is Degraded: status 503, expected 200-299',
    });
    expect(world.instance('c').verdict.reason).toContain('depends on b, which is Degraded: depends on a');
    expect(level(world, 'free')).toBe('Healthy');
    expect(world.event('health-changed', 'c').data).toMatchObject({ from: 'Healthy', to: 'Degraded' });

    world.probed('a');
    expect(['a', 'b', 'c'].map((name) => level(world, name))).toEqual(['Healthy', 'Healthy', 'Healthy']);
    expect(systemStatus(world.state)).toBe('Operational');
  });

  test('a Critical dependency makes its dependents Degraded, not Critical, and restarts none of them', () => {
    const world = chain();
    for (let i = 0; i < 3; i++) world.probed('a', FAIL);
    expect(['a', 'b', 'c'].map((name) => level(world, name))).toEqual(['Critical', 'Degraded', 'Degraded']);
    expect(systemStatus(world.state)).toBe('Critical');
    expect(['b', 'c'].map((name) => world.tag(name))).toEqual(['ready', 'ready']);
  });

  test('a dependency that someone stopped is missed', () => {
    const world = chain();
    world.send({ type: 'act', verb: 'stop', instances: ['a'] });
    world.obeys('a');
    expect(world.instance('b').verdict.reason).toBe('depends on a, which is stopped: stopped by a user');
    world.send({ type: 'act', verb: 'start', instances: ['a'] });
    world.ready('a');
    expect(level(world, 'b')).toBe('Healthy');
  });

  test('whoever only waited for an end does not mind how it ended', () => {
    const world = new World(system([task('lint'), calm('web', { dependsOn: [needs('lint', 'exited')] })]));
    world.up();
    world.spawned('lint');
    world.exits('lint', 1);
    world.ready('web');
    expect(level(world, 'web')).toBe('Healthy');
  });

  test('its own Critical outweighs a dependency’s', () => {
    const world = chain();
    for (let i = 0; i < 3; i++) world.probed('b', FAIL);
    world.probed('a', FAIL);
    expect(world.instance('b').verdict).toMatchObject({ level: 'Critical' });
    expect(world.instance('b').verdict.reason).toContain('3 checks in a row failed');
  });
});

describe('to stop is not to recover', () => {
  const statuses = (world: World) =>
    world.events.flatMap(({ type, data }) => (type === 'system-status-changed' ? [data.to] : []));

  test.each(['down', 'emergency'] as const)('%s of a system that is Critical leaves it so to its end', (how) => {
    const world = chain();
    for (let i = 0; i < 3; i++) world.probed('a', FAIL);
    expect(statuses(world)).toEqual(['Degraded', 'Critical']);
    world.send(
      how === 'down'
        ? { type: 'down', reason: 'azora down', timeoutMs: null }
        : { type: 'emergency', reason: 'drill', organ: null },
    );
    for (const name of ['free', 'c', 'b']) world.obeys(name);
    expect(systemStatus(world.state)).toBe('Critical');
    world.obeys('a');
    expect(systemStatus(world.state)).toBe('Offline');
    expect(statuses(world)).toEqual(['Degraded', 'Critical']);
  });

  test('what gets worse while it stops is said', () => {
    const world = chain();
    world.send({ type: 'down', reason: 'azora down', timeoutMs: null });
    world.exited('c', null, 'SIGTERM', true);
    world.gone('c', 'stopTree', [{ pid: 77, command: 'deaf' }]);
    expect(statuses(world)).toEqual(['Critical']);
  });

  test('what the comprehensive checks and the security monitor find in what is being ended is not told', () => {
    const world = new World(system([calm('a')]));
    world.up();
    world.ready('a');
    world.send({ type: 'down', reason: 'azora down', timeoutMs: null });
    const before = world.types().length;
    world.checks(false);
    const finding = { id: 'check:x', severity: 'High', organ: 'a', message: 'm', evidence: 'e', remedy: 'r' } as const;
    world.send({ type: 'findings', findings: [finding] });
    expect(world.types().slice(before)).toEqual([]);
    expect(world.state.security.threatLevel).toBe('None');
  });
});

describe('stale', () => {
  test('what has not been heard of for long is Degraded, its dependents too, until a check comes to an end', () => {
    const world = chain();
    world.tell('a', { type: 'unheard', generation: 1, forMs: 65_000 });
    expect(world.instance('a').verdict).toEqual({
      level: 'Degraded',
      reason: 'no check has come to an end for 1 min 5 s',
    });
    expect(world.instance('b').verdict.reason).toContain('depends on a, which is Degraded: no check has');
    expect(world.tag('a')).toBe('ready');
    world.probed('a');
    expect(['a', 'b'].map((name) => level(world, name))).toEqual(['Healthy', 'Healthy']);
  });

  test('what is Critical stays so; what is about an earlier life is dropped', () => {
    const world = chain();
    for (let i = 0; i < 3; i++) world.probed('a', FAIL);
    const { verdict } = world.instance('a');
    world.tell('a', { type: 'unheard', generation: 1, forMs: 65_000 });
    expect(world.instance('a').verdict).toEqual(verdict);
    world.tell('free', { type: 'unheard', generation: 0, forMs: 65_000 });
    expect(level(world, 'free')).toBe('Healthy');
  });
});

describe('azora itself', () => {
  test('being unwell degrades the system, with the reason in the event', () => {
    const world = chain();
    world.send({ type: 'self', verdict: { level: 'Degraded', reason: 'the database is locked' } });
    expect(world.event('system-status-changed').message).toBe(
      'test is Degraded, was Operational: azora itself: the database is locked',
    );
    const document = statusDocument(world.state, {
      now: world.at,
      pid: 1,
      keeperPid: 2,
      registryUrl: null,
      mask: (text) => text,
      portsOf: () => ({}),
      urlOf: () => null,
      usageOf: () => ({ cpuPercent: null, rssBytes: null }),
    });
    expect(document.system.status).toBe('Degraded');
    world.send({ type: 'self', verdict: { level: 'Healthy', reason: null } });
    expect(systemStatus(world.state)).toBe('Operational');
  });
});

test('what keeps the system Degraded when an organ has recovered, azora itself, is said', () => {
  const world = chain();
  for (let i = 0; i < 3; i++) world.probed('a', FAIL);
  world.send({ type: 'self', verdict: { level: 'Degraded', reason: 'the disk is full' } });
  world.probed('a');
  const told = world.events.filter(({ type }) => type === 'system-status-changed').map(({ message }) => message);
  expect(told.at(-1)).toBe('test is Degraded, was Critical: azora itself: the disk is full');
});

describe('depends_on with restart', () => {
  const together = (): World => {
    const world = new World(
      system([
        organ('a'),
        organ('b', { dependsOn: [{ ...needs('a'), restart: true }] }),
        organ('c', { dependsOn: [needs('a')] }),
      ]),
    );
    world.up();
    for (const name of ['a', 'b', 'c']) world.ready(name);
    world.checks();
    return world;
  };

  test('restarting the dependency restarts those who want it, before it and after it', () => {
    const world = together();
    world.send({ type: 'act', verb: 'restart', instances: ['a'] });
    expect(['a', 'b', 'c'].map((name) => world.tag(name))).toEqual(['ready', 'stopping', 'ready']);
    world.obeys('b');
    world.obeys('a');
    expect(['a', 'b'].map((name) => world.tag(name))).toEqual(['spawning', 'waiting']);
    world.ready('a');
    world.ready('b');
    expect(world.instance('b').restarts).toBe(1);
    expect(world.instance('c').generation).toBe(1);
  });

  test('a crash of the dependency does so too', () => {
    const world = together();
    world.exits('a', 1);
    expect(world.tag('b')).toBe('stopping');
    world.obeys('b');
    expect(world.tag('b')).toBe('waiting');
    world.pass(500);
    world.ready('a');
    world.ready('b');
    expect(world.tag('b')).toBe('ready');
  });

  test('stopping the dependency stops nobody else', () => {
    const world = together();
    world.send({ type: 'act', verb: 'stop', instances: ['a'] });
    world.obeys('a');
    expect(['b', 'c'].map((name) => world.tag(name))).toEqual(['ready', 'ready']);
  });
});

test('more processor than it may use is Degraded for as long', () => {
  const world = chain();
  const strained = (reason: string | null) =>
    world.send({
      type: 'instance',
      instance: 'a',
      input: { type: 'strained', generation: world.instance('a').generation, reason },
    });
  strained('it uses too much');
  expect(world.instance('a').verdict).toEqual({ level: 'Degraded', reason: 'it uses too much' });
  expect(world.instance('b').verdict.level).toBe('Degraded');
  strained(null);
  expect(world.instance('a').verdict.level).toBe('Healthy');
  expect(world.instance('b').verdict.level).toBe('Healthy');
});
