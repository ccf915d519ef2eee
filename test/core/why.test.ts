import { describe, expect, test } from 'vitest';
import type { SystemEvent } from '../../src/core/events.ts';
import { past } from '../../src/core/past.ts';
import { worstOf } from '../../src/core/why/chain.ts';
import { explain } from '../../src/core/why/explain.ts';
import type { Question, Subject } from '../../src/core/why/question.ts';
import { anEvent } from '../cli/fake-supervisor.ts';

const subject = (instance: string, change: Partial<Subject> = {}): Subject => ({
  organ: instance.replace(/-\d+$/, ''),
  instance,
  state: 'ready',
  health: 'Healthy',
  reason: null,
  desired: 'up',
  restarts: 0,
  exit: null,
  ...change,
});

const needs = (organ: string, required = true) => ({ organ, condition: 'healthy', restart: false, required }) as const;

function ask(
  instances: readonly Subject[],
  dependsOn: Readonly<Record<string, Parameters<typeof needs>[]>> = {},
  events: readonly SystemEvent[] = [],
  running = true,
): Question {
  return {
    instances,
    organs: new Map(
      Object.entries(dependsOn).map(([organ, all]) => [organ, { dependsOn: all.map((one) => needs(...one)) }]),
    ),
    events,
    running,
    now: Date.parse('2026-11-23T12:01:00.000Z'),
    clock: (ts) => ts.slice(11, 19),
  };
}

const headline = (question: Question): string => explain(question.instances[0]!, question).headline;

describe('from symptom to root', () => {
  const failed = subject('db', { state: 'failed', health: 'Critical', reason: 'exited with code 3' });
  const waiting = (name: string) => subject(name, { state: 'waiting', reason: `${name} waits` });

  test('through those who wait themselves', () => {
    const question = ask([waiting('web'), waiting('api'), failed], { web: [['api']], api: [['db']] });
    expect(headline(question)).toBe('web is waiting ← api is waiting ← db is failed: exited with code 3');
    expect(explain(question.instances[0]!, question).next).toContain('azora start db');
  });

  test('past what is there, and past what may be missing, to what keeps it', () => {
    const slow = subject('slow', { state: 'starting', health: 'Unknown', reason: 'not ready yet: refused' });
    const question = ask([waiting('web'), failed, slow, subject('good')], { web: [['good'], ['db', false], ['slow']] });
    expect(headline(question)).toBe('web is waiting ← slow is starting: not ready yet: refused');
  });

  test('what has failed comes before what is only slow', () => {
    const slow = subject('slow', { state: 'starting', health: 'Unknown' });
    expect(headline(ask([waiting('web'), slow, failed], { web: [['slow'], ['db']] }))).toContain('← db is failed');
  });

  test('sickness is followed to the instance that it names', () => {
    const question = ask(
      [
        subject('web', { health: 'Degraded', reason: 'depends on db-2, which is Critical: no space' }),
        subject('db-1'),
        subject('db-2', { health: 'Critical', reason: 'no space' }),
      ],
      { web: [['db']] },
    );
    expect(headline(question)).toBe('web is Degraded ← db-2 is Critical: no space');
  });

  test('two who restart each other do not go round for ever', () => {
    const question = ask([
      subject('a', { state: 'stopping', reason: 'b restarts, and it restarts with it' }),
      subject('b', { state: 'stopping', reason: 'a restarts, and it restarts with it' }),
    ]);
    expect(explain(question.instances[0]!, question).causes.map(({ instance }) => instance)).toEqual(['a', 'b']);
  });
});

describe('the root', () => {
  const crash = (id: number, cause = 'exited with code 3') => anEvent(id, 'organ-restarting', 'db', { cause });

  test('endings alike are counted, in a row, up to what somebody did', () => {
    const reason = 'exited with code 3; the limit of 2 restarts within 10 min is reached';
    const events = [
      crash(1),
      anEvent(2, 'organ-stopped', 'db', {}),
      crash(3, 'exited with code 4'),
      crash(10),
      crash(20),
      anEvent(30, 'organ-failed', 'db', { cause: reason }),
    ];
    const question = ask([subject('db', { state: 'failed', reason })], {}, events);
    expect(headline(question)).toBe(
      'db is failed: exited with code 3, 3 times in 2.0 s; the limit of 2 restarts within 10 min is reached',
    );
  });

  test('three in a row are a crash loop', () => {
    const backoff = subject('db', { state: 'backoff', reason: 'exited with code 3' });
    expect(headline(ask([backoff], {}, [crash(1), crash(2)]))).not.toContain('crash loop');
    expect(headline(ask([backoff], {}, [crash(1), crash(2), crash(3)]))).toBe(
      'db is in backoff: crash loop: exited with code 3, 3 times in 200 ms',
    );
  });

  test('a crash loop is one in every state that it goes through, and none when its ends are far apart', () => {
    const ends = [crash(1), crash(2), crash(3)];
    for (const state of ['backoff', 'starting', 'stopping'] as const) {
      expect(headline(ask([subject('db', { state })], {}, ends))).toMatch(/: crash loop: exited with code 3, 3 times/);
    }
    const apart = [crash(1), crash(10_000), crash(20_000)];
    expect(headline(ask([subject('db', { state: 'starting' })], {}, apart))).not.toContain('crash loop');
  });

  test('a change of the file counts until it was ready again, and only for what it concerns', () => {
    const change = (organ: string) =>
      anEvent(5, 'config-reloaded', null, { organs: [{ organ, action: 'restart', why: ['command: "a" is now "b"'] }] });
    const sick = subject('db', { state: 'failed', reason: 'x' });
    const since = / ← since azora\.yaml changed at 12:00:00 \(command\)$/;
    expect(headline(ask([sick], {}, [change('db')]))).toMatch(since);
    expect(headline(ask([sick], {}, [change('web')]))).not.toMatch(since);
    expect(headline(ask([sick], {}, [change('db'), anEvent(6, 'organ-ready', 'db')]))).not.toMatch(since);
    expect(headline(ask([subject('db')], {}, [change('db')]))).not.toMatch(since);
  });

  test('of several instances the worst off is told of', () => {
    const all = [subject('m-1'), subject('m-2', { health: 'Degraded' }), subject('m-3', { state: 'backoff' })];
    expect(worstOf(all).instance).toBe('m-2');
    expect(worstOf(all.with(1, subject('m-2'))).instance).toBe('m-3');
  });
});

describe('the past', () => {
  const boot = [
    anEvent(1, 'system-booting', null, { instances: { db: 'db', web: 'web' } }),
    anEvent(2, 'organ-waiting', 'web', {}, 'web waits for db to be healthy: db is failed'),
    anEvent(3, 'organ-exited', 'db', { code: 3, signal: null }),
    anEvent(4, 'organ-failed', 'db', { cause: 'exited with code 3' }),
    anEvent(5, 'health-changed', 'db', { to: 'Critical', reason: 'exited with code 3' }),
  ];

  test('is how things were before the end', () => {
    const end = anEvent(6, 'system-stopping', null, { reason: 'azora down' });
    const {
      subjects,
      end: found,
      events,
    } = past([...boot, end, anEvent(7, 'organ-stopped', 'web', { reason: 'azora down' })]);
    expect(found).toBe(end);
    expect(subjects.find(({ instance }) => instance === 'db')).toMatchObject({
      state: 'failed',
      health: 'Critical',
      reason: 'exited with code 3',
      exit: { code: 3, signal: null },
    });
    const question = ask([...subjects].reverse(), { web: [['db']] }, events, false);
    expect(headline(question)).toBe('web was waiting ← db was failed: exited with code 3');
    expect(explain(question.instances[0]!, question).next).toBe('azora logs db   then   azora up');
  });

  test('nobody saw its end: all that there is', () => {
    expect(past(boot)).toMatchObject({ end: null, subjects: [{ state: 'failed' }, { state: 'waiting' }] });
  });

  test('an emergency is named behind the root, with the way out', () => {
    const emergency = anEvent(6, 'emergency-shutdown', null, {}, 'emergency shutdown of x: the vault is open');
    const { subjects, events } = past([anEvent(1, 'organ-ready', 'web'), emergency]);
    const question = ask(subjects, {}, events, false);
    expect(headline(question)).toMatch(/^web was ready.* ← emergency shutdown of x: the vault is open$/);
    expect(explain(question.instances[0]!, question).next).toContain('azora emergency --clear');
  });
});
