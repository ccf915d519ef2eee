import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { startOrgan, temporaryFolder } from '../kit/testing.ts';
import { elara, evolution } from './organ.ts';

const facets = join(import.meta.dirname, 'dimensions');
const report = {
  threatLevel: 'High',
  findings: [
    { id: 'f1', severity: 'High', organ: 'mint', message: 'forged transfer', evidence: 'tx 7', remedy: 'restart mint' },
  ],
  system: { name: 'azora-os', organs: [{ organ: 'mint', critical: true }, { organ: 'elara' }] },
};

test('a guidance question is answered with principles, facets and confidence, and kept', async () => {
  const organ = await startOrgan(await elara({ folder: temporaryFolder(), now: () => 1_000 }));
  const { status, body } = await organ.post('/guidance', {
    question: 'May I delete the records?',
    context: { backup: true, colour: 'blue' },
  });
  expect(status).toBe(200);
  expect(body.action).toBe('ask-first');
  expect(body.notUnderstood).toEqual(['colour']);
  expect(body.dimensions.length).toBeGreaterThanOrEqual(11);
  expect(body.principles[0]).toMatchObject({ principle: 'Measure and grounds', weight: 4 });

  const { body: kept } = await organ.get(`/decisions/${body.id}`);
  expect(kept).toMatchObject({
    kind: 'question',
    question: 'May I delete the records?',
    at: '1970-01-01T00:00:01.000Z',
  });
  expect(kept.judgement.confidence).toBe(body.confidence);
});

test('a finding that comes back after a restart is decided more strongly, from the audit log', async () => {
  let now = 1_000;
  const organ = await startOrgan(await elara({ folder: temporaryFolder(), now: () => now }));
  expect((await organ.post('/decisions', report)).body).toMatchObject({ action: 'restart-organ', organ: 'mint' });
  expect((await organ.post('/decisions', report)).body).toMatchObject({ action: 'restart-organ', organ: 'mint' });
  expect((await organ.post('/decisions', report)).body).toMatchObject({ action: 'stop-organ', organ: 'mint' });
  now += 25 * 3_600_000;
  expect((await organ.post('/decisions', report)).body.action).toBe('restart-organ');
  expect((await organ.get('/decisions?kind=report&limit=2')).body).toMatchObject({
    count: 4,
    decisions: [{ id: 4 }, { id: 3 }],
  });
});

test('an observing decision names no organ', async () => {
  const organ = await startOrgan(await elara({ folder: temporaryFolder() }));
  const { body } = await organ.post('/decisions', { threatLevel: 'None', findings: [], system: 'azora-os' });
  expect(body.action).toBe('observe');
  expect(body).not.toHaveProperty('organ');
});

test('the audit log outlives the organ and refuses to be changed', async () => {
  const folder = temporaryFolder();
  const first = await startOrgan(await elara({ folder }));
  await first.post('/decisions', report);
  await first.stop();
  const second = await startOrgan(await elara({ folder }));
  expect((await second.get('/decisions')).body.count).toBe(1);
  const db = new Database(join(folder, 'elara.db'));
  expect(() => db.exec("UPDATE audit SET action = 'observe'")).toThrow('append-only');
  expect(() => db.exec('DELETE FROM audit')).toThrow('append-only');
  db.close();
});

test('a judgement that cannot be kept is not given', async () => {
  const folder = temporaryFolder();
  const organ = await startOrgan(await elara({ folder }));
  const db = new Database(join(folder, 'elara.db'));
  db.exec("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END");
  db.close();
  const { status, body } = await organ.post('/decisions', report);
  expect([status, body.error]).toEqual([503, 'unavailable']);
  expect(body.message).toContain('disk full');
});

describe('requests that are refused', () => {
  const table: [string, string, unknown, RegExp][] = [
    ['no question', '/guidance', {}, /body\.question/],
    ['an unknown key', '/guidance', { question: 'May I?', ask: 1 }, /ask/],
    ['a fact of the wrong type', '/guidance', { question: 'May I?', context: { backup: 'yes' } }, /context/],
    [
      'an unknown severity',
      '/decisions',
      { threatLevel: 'High', findings: [{ id: 'a', severity: 'Bad', message: '' }] },
      /severity/,
    ],
    ['no findings', '/decisions', { threatLevel: 'High' }, /findings/],
  ];
  test.each(table)('%s', async (_, path, json, message) => {
    const organ = await startOrgan(await elara({ folder: temporaryFolder() }));
    const { status, body } = await organ.post(path, json);
    expect([status, body.error]).toEqual([400, 'bad_request']);
    expect(body.message).toMatch(message);
    expect((await organ.get('/decisions')).body.count).toBe(0);
  });
});

/** A folder with the first `count` facets, and one of them broken when asked. */
function facetsFolder(count: number, broken?: string): string {
  const root = temporaryFolder();
  const folder = join(root, 'dimensions');
  mkdirSync(folder);
  for (const file of ['case.ts', 'dimension.ts', 'words.ts'])
    copyFileSync(join(import.meta.dirname, file), join(root, file));
  for (const file of readdirSync(facets).slice(0, count)) copyFileSync(join(facets, file), join(folder, file));
  if (broken) writeFileSync(join(folder, 'broken.ts'), broken);
  return folder;
}

const WRONG = `export default { name: 'broken', asks: '?', scale: ['a', 'b'], read: () => ({ value: 2, because: '' }),
  trials: [{ name: 'any', given: {}, between: [0, 1] }] };`;

describe('health', () => {
  const table: [string, string, string, number][] = [
    ['all facets', facets, 'pass', 13],
    ['ten facets', 'copied', 'warn', 10],
    ['none', 'copied', 'fail', 0],
  ];
  test.each(table)('%s', async (_, source, status, dimensions) => {
    const folder = source === facets ? facets : facetsFolder(dimensions);
    const organ = await startOrgan(await elara({ folder: temporaryFolder(), dimensions: folder }));
    const { body } = await organ.get('/healthz');
    expect(body).toMatchObject({ status, metrics: { dimensions, decisions: 0 } });
  });

  test.each([
    ['cannot be loaded', 'export default {', /cannot be loaded/],
    ['reads outside its range', WRONG, /read 2, outside 0..1/],
  ])('a facet that %s is named, and takes no part', async (_, source, failure) => {
    const folder = facetsFolder(10, source);
    const organ = await startOrgan(await elara({ folder: temporaryFolder(), dimensions: folder }));
    const { body: health } = await organ.get('/healthz');
    expect(health).toMatchObject({ status: 'warn', metrics: { dimensions: 10 } });
    expect(health.reason).toContain('broken');
    const { body } = await organ.get('/dimensions');
    expect(body.dimensions.find((facet: { dimension: string }) => facet.dimension === 'broken').failures[0]).toMatch(
      failure,
    );
    const guidance = await organ.post('/guidance', { question: 'Which course is next?' });
    expect(guidance.body.dimensions).toHaveLength(10);
  });
});

test.each([
  [{ passed: 13, loaded: 13 }, 0, 1],
  [{ passed: 13, loaded: 13 }, 1, 2],
  [{ passed: 13, loaded: 13 }, 7, 4],
  [{ passed: 0, loaded: 13 }, 1000, 0],
  [{ passed: 0, loaded: 0 }, 5, 0],
])('evolution of %o after %i judgements is level %i', (survey, decisions, level) => {
  expect(evolution(survey, decisions).level).toBe(level);
});
