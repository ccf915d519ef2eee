import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test, vi } from 'vitest';
import { aegis } from '../aegis/organ.ts';
import { eventBus } from '../event-bus/organ.ts';
import { Client, connectEvents, connectState, type NewEvent } from '../kit/index.ts';
import { type RunningOrgan, startOrgan, temporaryFolder } from '../kit/testing.ts';
import { state } from '../state/organ.ts';
import { type ComplianceOptions, compliance } from './organ.ts';

async function system(options: Partial<ComplianceOptions> = {}) {
  const guardFolder = temporaryFolder();
  const organs = {
    aegis: await startOrgan(aegis({ folder: guardFolder })),
    bus: await startOrgan(eventBus({ folder: temporaryFolder() })),
    state: await startOrgan(state({ folder: temporaryFolder() })),
  };
  const env = { AEGIS_URL: organs.aegis.url, EVENT_BUS_URL: organs.bus.url, STATE_URL: organs.state.url };
  const adminCode = readFileSync(join(guardFolder, 'first-admin-code'), 'utf8').trim();
  const signUp = async (username: string, more = {}) => {
    const { body } = await organs.aegis.post('/auth/signup', { username, password: 'a long password', ...more });
    return { authorization: `Bearer ${body.token}` };
  };
  const folder = temporaryFolder();
  const start = () => {
    const client = new Client({ env, resetMs: 50 });
    const bus = connectEvents({ source: 'compliance', client, env });
    return startOrgan(
      compliance({ folder, client, bus, state: connectState({ client, env }), anchorEveryMs: 3_600_000, ...options }),
    );
  };
  const publisher = connectEvents({ source: 'mint', env });
  const publish = (events: NewEvent[]) => publisher.publish('mint', events);
  return {
    ...organs,
    folder,
    start,
    organ: await start(),
    publish,
    admin: await signUp('root', { adminCode }),
    user: await signUp('rosa'),
  };
}

const put = (organ: RunningOrgan, path: string, json: unknown, headers: Record<string, string>) =>
  organ.request(path, {
    method: 'PUT',
    body: JSON.stringify(json),
    headers: { 'content-type': 'application/json', ...headers },
  });

const settled = (id: string, more: object = {}): NewEvent => ({
  id,
  type: 'transfer-settled',
  key: 'w1',
  data: { from: 'ann', to: 'shop', amount: 10, ...more },
});

const trailOf = async (organ: RunningOrgan, headers: Record<string, string>) =>
  (await organ.get('/audit?limit=1000', headers)).body.entries;

describe('the trail', () => {
  test('has every event of the bus once, however often it comes, and proves itself to anybody', async () => {
    const s = await system();
    await s.publish([settled('t1'), settled('t2')]);
    await s.publish([settled('t1')]);
    await vi.waitFor(async () => expect(await trailOf(s.organ, s.admin)).toHaveLength(2));
    expect((await trailOf(s.organ, s.admin))[0]).toMatchObject({
      seq: 1,
      kind: 'event',
      data: { id: 't1', topic: 'mint', source: 'mint' },
    });
    expect((await s.organ.get('/audit/verify')).body).toMatchObject({ valid: true, entries: 2 });

    const { body: proof } = await s.organ.get('/audit/proof');
    let previous = proof.before.hash;
    for (const { seq, at, kind, dataHash, previousHash, hash: said } of proof.links) {
      expect(previousHash).toBe(previous);
      previous = hash('sha256', JSON.stringify(['azora-audit-1', seq, at, kind, dataHash, previousHash]));
      expect(said).toBe(previous);
    }
    expect(proof.head).toEqual({ seq: 2, hash: previous });
    expect((await s.organ.get('/audit/proof?from=2')).body).toMatchObject({ before: { seq: 1 }, links: [{ seq: 2 }] });
    expect(JSON.stringify(proof)).not.toContain('shop');
  });

  const tamperings: [string, string, RegExp][] = [
    [
      'data',
      `UPDATE audit SET data = replace(data, '"amount":10', '"amount":99') WHERE seq = 2`,
      /data of entry 2 was changed/,
    ],
    ['a time', 'UPDATE audit SET at = at + 1 WHERE seq = 2', /entry 2 was changed/],
    ['an entry taken out', 'DELETE FROM audit WHERE seq = 2', /entry 2 is missing/],
    ['the end cut off', 'DELETE FROM audit WHERE seq >= 2', /entries 2 to 3 were cut off/],
  ];
  test.each(tamperings)('shows tampering: %s', async (_, sql, reason) => {
    const s = await system();
    await s.publish([settled('t1'), settled('t2'), settled('t3')]);
    await vi.waitFor(async () => expect(await trailOf(s.organ, s.admin)).toHaveLength(3));
    expect((await s.organ.post('/audit/anchor', {}, s.admin)).body).toMatchObject({ anchored: { seq: 3 } });
    expect((await s.organ.get('/healthz')).body.status).toBe('pass');
    const other = new Sqlite(join(s.folder, 'compliance.db'));
    other.exec(sql);
    other.close();
    expect((await s.organ.get('/audit/verify')).body).toMatchObject({
      valid: false,
      reason: expect.stringMatching(reason),
    });
    expect(await s.organ.get('/healthz')).toMatchObject({
      status: 503,
      body: { status: 'fail', reason: expect.stringMatching(/trail is broken/) },
    });
  });

  test('written anew as a whole does not pass for the one that was anchored', async () => {
    const s = await system();
    await s.publish([settled('t1')]);
    await vi.waitFor(async () => expect(await trailOf(s.organ, s.admin)).toHaveLength(1));
    await s.organ.post('/audit/anchor', {}, s.admin);
    const other = new Sqlite(join(s.folder, 'compliance.db'));
    const data = '{"forged":true}';
    const [at, dataHash, previousHash] = [1, hash('sha256', data), '0'.repeat(64)];
    const forged = hash('sha256', JSON.stringify(['azora-audit-1', 1, at, 'event', dataHash, previousHash]));
    other.prepare('UPDATE audit SET at = ?, data = ?, data_hash = ?, hash = ?').run(at, data, dataHash, forged);
    other.close();
    expect((await s.organ.get('/audit/verify')).body).toMatchObject({
      valid: false,
      reason: expect.stringMatching(/anchored/),
    });
  });

  test('loses what is too old, and stays whole', async () => {
    let ahead = 0;
    const s = await system({ now: () => Date.now() + ahead });
    await s.publish([settled('t1')]);
    await vi.waitFor(async () => expect(await trailOf(s.organ, s.admin)).toHaveLength(1));
    ahead = 366 * 86_400_000;
    expect((await s.organ.post('/retention', {}, s.admin)).body).toEqual({ erased: { event: 1 } });
    expect(await trailOf(s.organ, s.admin)).toMatchObject([
      { kind: 'event', data: null },
      { kind: 'retention', data: { erased: { event: 1 } } },
    ]);
    expect((await s.organ.get('/audit/verify')).body).toMatchObject({ valid: true, entries: 2 });
  });

  test('goes on where it was after a restart', async () => {
    const s = await system();
    await s.publish([settled('t1')]);
    await vi.waitFor(async () => expect(await trailOf(s.organ, s.admin)).toHaveLength(1));
    await s.organ.stop();
    await s.publish([settled('t2')]);
    const again = await s.start();
    await vi.waitFor(async () =>
      expect((await trailOf(again, s.admin)).map((entry: { data: { id: string } }) => entry.data.id)).toEqual([
        't1',
        't2',
      ]),
    );
    expect((await again.get('/audit/verify')).body.valid).toBe(true);
  });
});

describe('policies', () => {
  test('find what breaks them on the bus, keep it and tell it', async () => {
    const s = await system();
    expect((await put(s.organ, '/sanctions/villain', { reason: 'listed' }, s.admin)).status).toBe(200);
    await put(
      s.organ,
      '/policies/transfer-velocity',
      { kind: 'velocity', types: ['transfer-settled'], max: 2, windowMs: 86_400_000, severity: 'Low' },
      s.admin,
    );
    await s.publish([
      settled('t1', { amount: 1_000_001 }),
      settled('t2', { to: 'villain' }),
      settled('t3'),
      { id: 'x', type: 'block-mined', data: { from: 'villain' } },
    ]);
    const found = async () =>
      (await s.organ.get('/violations', s.admin)).body.violations.map((entry: { data: object }) => entry.data);
    await vi.waitFor(async () => expect(await found()).toHaveLength(3));
    expect(await found()).toEqual(
      expect.arrayContaining([
        {
          policy: 'amount-limit',
          severity: 'High',
          event: 't1',
          type: 'transfer-settled',
          message: '1000001 is more than 1000000',
        },
        expect.objectContaining({ policy: 'sanctions', event: 't2', message: 'villain is on the list of sanctions' }),
        expect.objectContaining({
          policy: 'transfer-velocity',
          event: 't3',
          message: expect.stringMatching(/ann paid 3 times/),
        }),
      ]),
    );
    const told: string[] = [];
    const listener = connectEvents({ source: 'test', env: { EVENT_BUS_URL: s.bus.url } });
    listener.subscribe(
      { topics: ['compliance'], group: 'test' },
      (events) => void told.push(...events.map(({ type }) => type)),
    );
    await vi.waitFor(() => expect(told.filter((type) => type === 'policy-violated')).toHaveLength(3), {
      timeout: 8000,
    });
    await listener.close();
  });

  test('answer before a movement is made, and remember that they were asked', async () => {
    const s = await system();
    expect((await s.organ.post('/checks', { from: 'ann', to: 'shop', amount: 5 })).body).toEqual({
      allowed: true,
      violations: [],
      entry: 1,
    });
    await put(s.organ, '/sanctions/shop', { reason: 'listed' }, s.admin);
    expect((await s.organ.post('/checks', { from: 'ann', to: 'shop', amount: 2_000_000 })).body).toMatchObject({
      allowed: false,
      violations: [{ policy: 'amount-limit' }, { policy: 'sanctions' }],
    });
    await s.organ.request('/sanctions/shop', { method: 'DELETE', headers: s.admin });
    expect((await s.organ.post('/checks', { from: 'ann', to: 'shop', amount: 5 })).body.allowed).toBe(true);
    expect((await trailOf(s.organ, s.admin)).map(({ kind }: { kind: string }) => kind)).toEqual([
      'check',
      'sanction',
      'check',
      'sanction',
      'check',
    ]);
  });

  test('are changed only by who may, and only into what makes sense', async () => {
    const s = await system();
    const rule = { kind: 'amount-limit', types: ['transfer-settled'], max: 5, severity: 'High' };
    expect((await put(s.organ, '/policies/small', rule, s.user)).status).toBe(403);
    expect((await put(s.organ, '/policies/small', rule, {})).status).toBe(401);
    for (const bad of [
      { ...rule, max: -1 },
      { ...rule, kind: 'magic' },
      { ...rule, types: [] },
      { ...rule, extra: 1 },
      [],
    ]) {
      expect((await put(s.organ, '/policies/small', bad, s.admin)).status).toBe(400);
    }
    expect((await s.organ.post('/checks', { amount: 'much' })).status).toBe(400);
    expect((await s.organ.get('/audit')).status).toBe(401);
    expect((await s.organ.request('/sanctions/nobody', { method: 'DELETE', headers: s.admin })).status).toBe(404);
  });
});

test('health warns when the bus is silent, or the trail is behind', async () => {
  const s = await system({ lagLimits: { events: 1000, ms: 30 } });
  await s.publish([settled('t1')]);
  await vi.waitFor(async () =>
    expect((await s.organ.get('/healthz')).body).toMatchObject({ status: 'pass', metrics: { entries: 1 } }),
  );
  await s.bus.stop(0);
  await vi.waitFor(async () =>
    expect(await s.organ.get('/healthz')).toMatchObject({
      status: 200,
      body: { status: 'warn', reason: expect.stringMatching(/audit lag: no word from the bus/) },
    }),
  );
});
