import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { type RunningOrgan, startOrgan, temporaryFolder } from '../kit/testing.ts';
import { sapiens } from './organ.ts';

const start = (folder = temporaryFolder()) => startOrgan(sapiens({ folder }));

async function admit(organ: RunningOrgan, level: string): Promise<string> {
  const { status, body } = await organ.post('/learners', { name: 'Thandi', level });
  expect(status).toBe(201);
  return body.id;
}

async function enrol(organ: RunningOrgan, learner: string, course: string): Promise<string> {
  const { status, body } = await organ.post('/enrolments', { learner, course });
  expect(status, body.message).toBe(201);
  return body.id;
}

test('starts with courses and agents in all three phases, and no learner', async () => {
  const organ = await start();
  const { body } = await organ.get('/statistics');
  for (const phase of ['primary', 'secondary', 'university']) {
    expect(body.phases[phase]).toMatchObject({ active: true, learners: 0, enrolments: 0 });
  }
  expect(body).toMatchObject({ learners: 0, assessments: 0, passRate: null, averageMark: null });
  expect(body.agents).toBe((await organ.get('/agents')).body.length);
  expect(body.courses).toBe((await organ.get('/courses')).body.length);
});

test('a learner passes a course, is promoted, and takes the next', async () => {
  const organ = await start();
  const learner = await admit(organ, 'NQF5');
  const early = await organ.post('/enrolments', { learner, course: 'CSC-NQF6' });
  expect([early.status, early.body.error]).toEqual([422, 'unprocessable']);

  const enrolment = await enrol(organ, learner, 'CSC-NQF5');
  expect((await organ.post(`/learners/${learner}/promote`)).body.message).toMatch(/still open/);
  const half = await organ.post(`/enrolments/${enrolment}/assessments`, { name: 'Test', mark: 40, weight: 50 });
  expect(half.body).toMatchObject({ state: 'active', mark: null });
  const exam = await organ.post(`/enrolments/${enrolment}/assessments`, { name: 'Exam', mark: 70, weight: 50 });
  expect(exam.body).toMatchObject({ state: 'passed', mark: 55 });

  expect((await organ.post(`/learners/${learner}/promote`)).body.level).toBe('NQF6');
  await enrol(organ, learner, 'CSC-NQF6');
  expect((await organ.get(`/learners/${learner}`)).body.enrolments).toHaveLength(2);
  expect((await organ.get('/statistics')).body).toMatchObject({
    learners: 1,
    learnersByLevel: { NQF6: 1 },
    enrolments: { active: 1, passed: 1, failed: 0, withdrawn: 0 },
    assessments: 2,
    passRate: 1,
    averageMark: 55,
    phases: { university: { learners: 1, enrolments: 1 } },
  });
});

test.each([
  ['9', 'MATH-9', 40, 'passed'],
  ['9', 'MATH-9', 39.9, 'failed'],
  ['NQF5', 'CSC-NQF5', 50, 'passed'],
  ['NQF5', 'CSC-NQF5', 49.9, 'failed'],
])('in level %s, %s with %d %% is %s', async (level, course, mark, state) => {
  const organ = await start();
  const enrolment = await enrol(organ, await admit(organ, level), course);
  const { body } = await organ.post(`/enrolments/${enrolment}/assessments`, { name: 'Exam', mark, weight: 100 });
  expect(body).toMatchObject({ state, mark });
});

test('below the pass mark a course is failed, and may be taken again', async () => {
  const organ = await start();
  const learner = await admit(organ, '9');
  const first = await enrol(organ, learner, 'MATH-9');
  const exam = await organ.post(`/enrolments/${first}/assessments`, { name: 'Exam', mark: 39.9, weight: 100 });
  expect(exam.body).toMatchObject({ state: 'failed', mark: 39.9 });
  await enrol(organ, learner, 'MATH-9');
});

test('what was learned elsewhere counts once it is recognised', async () => {
  const organ = await start();
  const learner = await admit(organ, '12');
  expect((await organ.post('/enrolments', { learner, course: 'HIST-12' })).status).toBe(422);
  const recognition = { course: 'HIST-11', evidence: 'report of another school' };
  expect((await organ.post(`/learners/${learner}/recognitions`, recognition)).status).toBe(201);
  expect((await organ.post(`/learners/${learner}/recognitions`, recognition)).status).toBe(409);
  await enrol(organ, learner, 'HIST-12');
});

test('enrolments go to the least busy active agent of the subject', async () => {
  const organ = await start();
  const appointed = await organ.post('/agents', { name: 'Second maths', subject: 'Mathematics', phase: 'primary' });
  expect([appointed.status, appointed.body.id]).toEqual([201, 'second-maths']);
  for (const _ of [1, 2, 3, 4]) await enrol(organ, await admit(organ, '4'), 'MATH-4');
  const load = async () =>
    (await organ.get('/agents')).body
      .filter(
        (agent: { subject: string; phase: string }) => agent.subject === 'Mathematics' && agent.phase === 'primary',
      )
      .map((agent: { learners: number }) => agent.learners);
  expect(await load()).toEqual([2, 2]);

  const patch = (id: string, active: boolean) =>
    organ.request(`/agents/${id}`, { method: 'PATCH', body: JSON.stringify({ active }) });
  await patch('second-maths', false);
  await enrol(organ, await admit(organ, '4'), 'MATH-4');
  expect(await load()).toEqual([3, 2]);
  await patch('mathematics-primary', false);
  const { body } = await organ.get('/statistics');
  expect(body.agents).toBe((await organ.get('/agents')).body.length - 2);
  const refused = await organ.post('/enrolments', { learner: await admit(organ, '4'), course: 'MATH-4' });
  expect(refused.body.message).toMatch(/no academic agent for Mathematics/);
});

describe('what is refused', () => {
  const assessment = { name: 'Test', mark: 50, weight: 60 };
  const table: [string, unknown, number, RegExp][] = [
    ['/learners', { name: '', level: '7' }, 400, /body\.name/],
    ['/learners', { name: 'Thandi', level: '13' }, 400, /body\.level/],
    ['/learners', { name: 'Thandi', level: '7', age: 12 }, 400, /age/],
    ['/enrolments', { learner: '00000000-0000-4000-8000-000000000000', course: 'MATH-4' }, 404, /no learner/],
    ['/enrolments', { learner: 'LEARNER', course: 'MAGIC-4' }, 404, /no course MAGIC-4/],
    ['/enrolments', { learner: 'LEARNER', course: 'HL-4' }, 422, /already enrolled/],
    ['/enrolments/ENROLMENT/assessments', { ...assessment, mark: 101 }, 400, /body\.mark/],
    ['/enrolments/ENROLMENT/assessments', assessment, 409, /already assessed/],
    ['/enrolments/ENROLMENT/assessments', { ...assessment, name: 'Exam' }, 422, /40 % of HL-4 is left/],
    ['/agents', { name: 'Magic', subject: 'Magic', phase: 'primary' }, 422, /no primary course/],
  ];
  test.each(table)('%s %o → %i', async (path, json, expected, message) => {
    const organ = await start();
    const learner = await admit(organ, '4');
    const enrolment = await enrol(organ, learner, 'HL-4');
    await organ.post(`/enrolments/${enrolment}/assessments`, assessment);
    const sent = JSON.parse(JSON.stringify(json).replace('LEARNER', learner));
    const { status, body } = await organ.post(path.replace('ENROLMENT', enrolment), sent);
    expect([status, body.message]).toEqual([expected, expect.stringMatching(message)]);
  });

  test('assessing what has ended', async () => {
    const organ = await start();
    const enrolment = await enrol(organ, await admit(organ, '4'), 'HL-4');
    expect((await organ.post(`/enrolments/${enrolment}/withdraw`)).body.state).toBe('withdrawn');
    expect((await organ.post(`/enrolments/${enrolment}/assessments`, assessment)).status).toBe(409);
  });
});

test('learners outlive the organ', async () => {
  const folder = temporaryFolder();
  const first = await start(folder);
  const id = await admit(first, '10');
  await first.stop();
  const second = await start(folder);
  expect((await second.get('/learners?phase=secondary')).body).toMatchObject([{ id, level: '10' }]);
  expect((await second.get('/learners?phase=primary')).body).toEqual([]);
});

test('a database that cannot be read fails the health check', async () => {
  const folder = temporaryFolder();
  const organ = await start(folder);
  expect((await organ.get('/healthz')).body).toMatchObject({ status: 'pass', metrics: { learners: 0 } });
  const other = new Database(join(folder, 'sapiens.db'));
  other.pragma('wal_checkpoint(TRUNCATE)');
  other.close();
  writeFileSync(join(folder, 'sapiens.db'), 'x'.repeat(65_536));
  const health = await organ.get('/healthz');
  expect([health.status, health.body.status]).toEqual([503, 'fail']);
});
