import { describe, expect, test } from 'vitest';
import type { Goal, Standing } from '../../../src/core/goal.ts';
import { outcomeOf, standingOf } from '../../../src/core/goal.ts';
import { FAIL, needs, organ, system, task, World } from './world.ts';

const calm = (name: string, change: Parameters<typeof organ>[1] = {}) =>
  organ(name, { ...change, health: { ...organ('x').health, restart: false } });

function world(): World {
  const made = new World(
    system([
      calm('a', { restart: { ...organ('x').restart, policy: 'never' } }),
      calm('b', { dependsOn: [needs('a')] }),
      task('job'),
    ]),
  );
  made.up();
  return made;
}

/** What each goal says of an instance, in the order ready, healthy, completed, stopped. */
const standings = (of: World, name: string): Standing[] =>
  (['ready', 'healthy', 'completed', 'stopped'] as const).map((goal: Goal) =>
    standingOf(of.state, of.instance(name), goal),
  );

describe('how far an instance is', () => {
  const cases: readonly [string, (w: World) => string, readonly Standing[]][] = [
    [
      'starting',
      (w) => {
        w.spawned('a');
        return 'a';
      },
      ['coming', 'coming', 'coming', 'coming'],
    ],
    [
      'ready and well',
      (w) => {
        w.ready('a');
        return 'a';
      },
      ['there', 'there', 'coming', 'coming'],
    ],
    [
      'ready and ill',
      (w) => {
        w.ready('a');
        w.probed('a', FAIL);
        return 'a';
      },
      ['there', 'coming', 'coming', 'coming'],
    ],
    ['waiting for one that comes', () => 'b', ['coming', 'coming', 'coming', 'coming']],
    [
      'failed',
      (w) => {
        w.spawned('a');
        w.exits('a', 3);
        return 'a';
      },
      ['never', 'never', 'never', 'there'],
    ],
    [
      'waiting for one that failed',
      (w) => {
        w.spawned('a');
        w.exits('a', 3);
        return 'b';
      },
      ['never', 'never', 'never', 'coming'],
    ],
    [
      'completed',
      (w) => {
        w.spawned('job');
        w.exits('job');
        return 'job';
      },
      ['there', 'there', 'there', 'there'],
    ],
    [
      'stopped by a user',
      (w) => {
        w.ready('a');
        w.send({ type: 'act', verb: 'stop', instances: ['a'] });
        w.obeys('a');
        return 'a';
      },
      ['never', 'never', 'never', 'there'],
    ],
    [
      'ready in a system that goes down',
      (w) => {
        w.ready('a');
        w.send({ type: 'down', reason: 'azora down', timeoutMs: null });
        return 'a';
      },
      ['never', 'never', 'never', 'coming'],
    ],
  ];
  test.each(cases)('%s', (_, arrange, expected) => {
    const made = world();
    expect(standings(made, arrange(made))).toEqual(expected);
  });
});

test('a service is to be ready and a task to be completed, unless something else is asked for', () => {
  const made = world();
  made.ready('a');
  made.spawned('job');
  made.exits('job', 7);
  expect(outcomeOf(made.state, made.instance('a'), null)).toMatchObject({ goal: 'ready', standing: 'there' });
  expect(outcomeOf(made.state, made.instance('job'), null)).toMatchObject({
    goal: 'completed',
    standing: 'never',
    code: 7,
  });
  expect(outcomeOf(made.state, made.instance('a'), 'stopped')).toMatchObject({ goal: 'stopped', standing: 'coming' });
});
