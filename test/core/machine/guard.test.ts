import { describe, expect, test } from 'vitest';
import type { SystemConfig } from '../../../src/core/config/model.ts';
import {
  compareFindings,
  type Finding,
  mergeFindings,
  readDecision,
  SECURE,
  type Severity,
  securityAfter,
  threatLevelOf,
} from '../../../src/core/security.ts';
import { organ, system, World } from './world.ts';

const found = (id: string, severity: Severity, evidence = 'seen'): Finding => ({
  id,
  severity,
  organ: 'ledger',
  message: `${id} is bad`,
  evidence,
  remedy: 'mend it',
});

function guarded(
  security: Partial<SystemConfig['security']> = {},
  emergency: SystemConfig['emergency']['on'] = [],
): World {
  const world = new World(
    system([organ('ledger'), organ('elder')], {
      security: {
        intervalMs: 60_000,
        checks: [],
        escalate: { organ: 'elder', path: '/decisions', at: 'High' },
        allow: ['observe', 'restart-organ', 'stop-organ'],
        ...security,
      },
      emergency: { on: emergency, deadlineMs: 15_000 },
    }),
  );
  world.up();
  world.ready('ledger');
  world.ready('elder');
  world.checks();
  return world;
}

const kinds = (world: World) =>
  world.events.flatMap(({ type, data }) => (type === 'security-alert' ? [data.kind] : []));
const escalations = (world: World) => world.all.filter((effect) => effect.type === 'escalate');
const decide = (world: World, body: object) => world.send({ type: 'decision', answer: readDecision(body) });

describe('findings', () => {
  test('the rounds begin with the monitoring step', () => {
    expect(guarded().all.some((effect) => effect.type === 'guard')).toBe(true);
  });

  test('the threat level is the highest open one', () => {
    expect(threatLevelOf([])).toBe('None');
    expect(threatLevelOf([found('a', 'Low'), found('b', 'High'), found('c', 'Medium')])).toBe('High');
  });

  test('a finding is told once, again when it changes, and when it is over', () => {
    const world = guarded();
    world.send({ type: 'findings', findings: [found('a', 'Low')] });
    world.send({ type: 'findings', findings: [found('a', 'Low')] });
    expect(kinds(world)).toEqual(['finding']);
    world.send({ type: 'findings', findings: [found('a', 'Low', 'seen elsewhere')] });
    world.send({ type: 'findings', findings: [] });
    expect(kinds(world)).toEqual(['finding', 'finding', 'over']);
    expect(world.state.security.threatLevel).toBe('None');
    expect(compareFindings([], []).news).toEqual([]);
  });

  test('only what is grave enough is reported, and only what is new', () => {
    const world = guarded();
    world.send({ type: 'findings', findings: [found('a', 'Medium')] });
    expect(escalations(world)).toEqual([]);
    world.send({ type: 'findings', findings: [found('a', 'Medium'), found('b', 'High')] });
    world.send({ type: 'findings', findings: [found('a', 'Medium'), found('b', 'High')] });
    expect(escalations(world)).toHaveLength(1);
    expect(escalations(world)[0]).toMatchObject({ threatLevel: 'High', findings: [{ id: 'b' }] });
  });

  test('a Critical one is an emergency where the file says so', () => {
    const calm = guarded();
    calm.send({ type: 'findings', findings: [found('a', 'Critical')] });
    expect(calm.state.boot.phase).toBe('ready');
    const strict = guarded({}, ['security-critical']);
    strict.send({ type: 'findings', findings: [found('a', 'Critical')] });
    expect(strict.state.boot.phase).toBe('emergency');
  });
});

test('a Critical one that was found while the system booted is an emergency once it is ready', () => {
  const world = new World(system([organ('ledger')], { emergency: { on: ['security-critical'], deadlineMs: 15_000 } }));
  world.up();
  world.ready('ledger');
  world.send({ type: 'findings', findings: [found('a', 'Critical')] });
  expect(world.state.boot.phase).toBe('booting');
  world.checks();
  world.send({ type: 'findings', findings: [found('a', 'Critical')] });
  expect(world.state.boot.phase).toBe('emergency');
  expect(world.event('emergency-shutdown').data.reason).toBe('security finding a: a is bad');
});

test('several sightings of one matter are one finding, with all the evidence, in whatever order they come', () => {
  const sightings = [found('a', 'Low', 'pid 2'), found('b', 'High'), found('a', 'Medium', 'pid 1')];
  const merged = mergeFindings(sightings);
  expect(merged).toEqual([found('a', 'Medium', 'pid 1; pid 2'), found('b', 'High')]);
  expect(compareFindings(merged, mergeFindings(sightings.toReversed()))).toEqual({ news: [], over: [] });
});

test('the events of a boot say what is open: the next supervisor goes on from there and says nothing twice', () => {
  const world = guarded();
  world.send({ type: 'findings', findings: [found('a', 'High'), found('b', 'Low')] });
  world.send({ type: 'findings', findings: [found('a', 'High', 'more'), found('c', 'Medium')] });
  expect(securityAfter(world.events)).toEqual(world.state.security);
  world.send({ type: 'findings', findings: [] });
  expect(securityAfter(world.events)).toEqual(SECURE);
});

describe('decisions', () => {
  test('what a user has stopped is not restarted', () => {
    const world = guarded();
    world.send({ type: 'act', verb: 'stop', instances: ['ledger'] });
    world.obeys('ledger');
    decide(world, { action: 'restart-organ', organ: 'ledger', reason: 'tampered' });
    expect(kinds(world)).toEqual(['decision', 'refused']);
    expect(world.tag('ledger')).toBe('stopped');
  });

  test('what is allowed is carried out', () => {
    const world = guarded();
    decide(world, { action: 'restart-organ', organ: 'ledger', reason: 'tampered', confidence: 0.9 });
    expect(world.tag('ledger')).toBe('stopping');
    expect(kinds(world)).toEqual(['decision', 'carried-out']);
    world.obeys('ledger');
    expect(world.tag('ledger')).toBe('spawning');
  });

  test('a stopped organ stays stopped, with the reason', () => {
    const world = guarded();
    decide(world, { action: 'stop-organ', organ: 'ledger', reason: 'tampered' });
    world.obeys('ledger');
    expect(world.instance('ledger')).toMatchObject({ desired: 'down', reason: 'stopped for security: tampered' });
  });

  test('what is not allowed is refused, and says so', () => {
    const world = guarded();
    decide(world, { action: 'emergency-shutdown', reason: 'all is lost' });
    expect(world.state.boot.phase).toBe('ready');
    expect(kinds(world)).toEqual(['decision', 'refused']);
    expect(world.events.at(-1)?.message).toContain('security.allow lists only observe, restart-organ, stop-organ');
  });

  test('an emergency shutdown follows only where it is listed', () => {
    const world = guarded({ allow: ['emergency-shutdown'] });
    decide(world, { action: 'emergency-shutdown', reason: 'all is lost' });
    expect(world.state.boot.phase).toBe('emergency');
  });

  test.each([
    [null, 'the answer is not a JSON object'],
    [[], 'the answer is not a JSON object'],
    [{}, 'the action is undefined, and not one of observe, restart-organ, stop-organ, emergency-shutdown'],
    [
      { action: 'rm -rf' },
      'the action is "rm -rf", and not one of observe, restart-organ, stop-organ, emergency-shutdown',
    ],
    [{ action: 'stop-organ' }, 'stop-organ names no organ'],
    [{ action: 'stop-organ', organ: 7 }, 'organ is not a name'],
  ])('%j is no decision', (body, why) => {
    const world = guarded();
    decide(world, body as object);
    expect(readDecision(body)).toBe(why);
    expect(kinds(world)).toEqual(['no-decision']);
    expect(['ledger', 'elder'].map((name) => world.tag(name))).toEqual(['ready', 'ready']);
  });

  test('an organ that does not exist is not acted upon', () => {
    const world = guarded();
    decide(world, { action: 'stop-organ', organ: 'nobody' });
    expect(kinds(world)).toEqual(['decision', 'refused']);
  });
});
