import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openReadOnly } from '../../../src/adapters/sqlite/reader.ts';
import { openStore, type Store } from '../../../src/adapters/sqlite/store.ts';
import type { StateFolder } from '../../../src/adapters/state-folder.ts';
import { aHealth, anEvent, anInstance, anOrgan, temporaryFolder } from './rig.ts';

let folder: StateFolder;
let remove: () => void;
const open: Store[] = [];
const store = () => {
  const opened = openStore(folder, { version: '1.2.3', onTrouble: (message) => expect.unreachable(message) });
  open.push(opened);
  return opened;
};
const rows = (sql: string) => {
  const db = new Database(folder.database, { readonly: true });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
};

beforeEach(() => {
  ({ folder, remove } = temporaryFolder());
});
afterEach(() => {
  for (const opened of open.splice(0)) opened.close();
  remove();
});

test('the views have the columns of the contract, in its order', () => {
  store();
  const columns = (view: string) =>
    (rows(`pragma table_info(${view})`) as { name: string }[]).map(({ name }) => name).join(' ');
  expect(columns('organs')).toBe('organ category kind critical desired config');
  expect(columns('instances')).toBe(
    'organ instance replica state health reason pid started_at restarts errors exit_code exit_signal port',
  );
  expect(columns('health')).toBe('instance health checked_at latency_ms message');
  expect(columns('health_history')).toBe('instance health checked_at latency_ms message');
  expect(columns('events')).toBe('id ts boot_id type organ instance message data');
  expect(columns('boots')).toBe('boot_id name file config_hash started_at ended_at how');
  expect(columns('exits')).toBe('instance code signal at cause');
  expect(columns('checks')).toBe('boot_id name organ passed duration_ms message at');
  expect(columns('metrics')).toBe('instance name value at');
});

test('the database and its companions are private to the user', () => {
  const opened = store();
  opened.setDesired('mint', 'down');
  for (const suffix of ['', '-wal', '-shm'])
    expect(statSync(folder.database + suffix).mode & 0o777, suffix).toBe(0o600);
});

test('everything recorded can be queried', () => {
  const opened = store();
  opened.recordBoot({
    bootId: 'b1',
    startedAt: '2026-11-23T08:00:00.000Z',
    configHash: 'c0',
    file: '/p/azora.yaml',
    name: 'p',
  });
  opened.saveOrgans([anOrgan('mint'), anOrgan('aegis', { critical: false })]);
  opened.saveInstances([
    anInstance('mint-1', { exit: { code: null, signal: 'SIGKILL', at: '2026-11-23T07:59:00.000Z' }, restarts: 2 }),
    anInstance('aegis', { ports: {}, url: null, state: 'waiting', reason: 'waits for covenant', pid: null }),
  ]);
  opened.recordHealth([aHealth('mint-1', { health: 'Degraded', message: 'slow' })]);
  opened.recordHealth([aHealth('mint-1')]);
  opened.recordExits([{ instance: 'mint-1', code: 7, signal: null, at: '2026-11-23T07:59:00.000Z', cause: 'crash' }]);
  opened.recordCheck({
    bootId: 'b1',
    name: 'chain',
    organ: 'covenant',
    passed: false,
    durationMs: 12,
    message: 'x',
    at: 't',
  });
  opened.recordMetrics([{ instance: 'mint-1', name: 'tvl', value: 1.5, at: 't' }]);
  opened.flush();
  expect(rows('select organ, critical from organs')).toEqual([
    { organ: 'mint', critical: 1 },
    { organ: 'aegis', critical: 0 },
  ]);
  expect(rows('select instance, state, port, exit_signal, restarts from instances')).toEqual([
    { instance: 'aegis', state: 'waiting', port: null, exit_signal: null, restarts: 0 },
    { instance: 'mint-1', state: 'ready', port: 41001, exit_signal: 'SIGKILL', restarts: 2 },
  ]);
  expect(rows('select instance, health from health')).toEqual([{ instance: 'mint-1', health: 'Healthy' }]);
  expect(rows('select health, message from health_history')).toEqual([
    { health: 'Degraded', message: 'slow' },
    { health: 'Healthy', message: null },
  ]);
  expect(rows('select * from exits')).toEqual([
    { instance: 'mint-1', code: 7, signal: null, at: '2026-11-23T07:59:00.000Z', cause: 'crash' },
  ]);
  expect(rows('select name, passed from checks')).toEqual([{ name: 'chain', passed: 0 }]);
  expect(rows('select name, value from metrics')).toEqual([{ name: 'tvl', value: 1.5 }]);
  expect(rows('select boot_id, ended_at from boots')).toEqual([{ boot_id: 'b1', ended_at: null }]);
});

test('an exit that is told again is the same exit', () => {
  const opened = store();
  const exit = { instance: 'mint-1', code: 7, signal: null, at: '2026-11-23T07:59:00.000Z', cause: 'crash' };
  opened.recordExits([exit, exit]);
  opened.flush();
  opened.recordExits([exit]);
  opened.flush();
  expect(rows('select count(*) as n from exits')).toEqual([{ n: 1 }]);
});

test('organs that are not declared any more leave, with their instances and health', () => {
  const opened = store();
  opened.saveOrgans([anOrgan('mint'), anOrgan('aegis')]);
  opened.saveInstances([anInstance('mint-1'), anInstance('mint-2', { replica: 2 }), anInstance('aegis')]);
  opened.recordHealth([aHealth('mint-1'), aHealth('mint-2'), aHealth('aegis')]);
  opened.flush();
  opened.saveOrgans([anOrgan('mint')]);
  opened.removeInstance('mint-2');
  opened.flush();
  expect(rows('select instance from instances')).toEqual([{ instance: 'mint-1' }]);
  expect(rows('select instance from health')).toEqual([{ instance: 'mint-1' }]);
});

test('what is durable is on disk when the call returns, and known to the next store', () => {
  const opened = store();
  expect(opened.setDesired('mint', 'down')).toBe(true);
  expect(opened.setDesired('aegis', 'down')).toBe(true);
  expect(opened.setDesired('aegis', null)).toBe(true);
  expect(opened.remember('emergency', { reason: 'chain invalid' }, { durable: true })).toBe(true);
  // No flush and no close: as if this process had been killed here.
  const next = store();
  expect([...next.desired()]).toEqual([['mint', 'down']]);
  expect(next.recall('emergency')).toEqual({ reason: 'chain invalid' });
  expect(next.recall('never')).toBeNull();
  next.clearDesired();
  expect(next.remember('emergency', null, { durable: true })).toBe(true);
  expect([...store().desired()]).toEqual([]);
  expect(store().recall('emergency')).toBeNull();
});

test('a durable desired state shows in the organs view over the declared one', () => {
  const opened = store();
  opened.saveOrgans([anOrgan('mint')]);
  opened.setDesired('mint', 'down');
  expect(rows('select desired from organs')).toEqual([{ desired: 'down' }]);
});

test('event ids go on across stores, also when retention has taken all it can', () => {
  const first = store();
  first.appendEvents([anEvent(1), anEvent(2), anEvent(3)]);
  expect(first.lastEventId).toBe(3);
  expect(first.retain({ maxAgeMs: 0, maxBytes: 0 })).toBe(false);
  first.close();
  expect(rows('select id from events')).toEqual([{ id: 3 }]);
  expect(store().lastEventId).toBe(3);
});

test.each([
  ['nothing: all', {}, [1, 2, 3, 4]],
  ['after an id', { sinceId: 2 }, [3, 4]],
  ['after an id, the oldest first when cut', { sinceId: 1, limit: 2 }, [2, 3]],
  ['the newest when cut', { limit: 3 }, [2, 3, 4]],
  ['by organ', { organ: 'aegis' }, [2, 4]],
  ['by type', { type: 'organ-failed' }, [3]],
  ['by time, inclusive', { sinceTs: '2026-11-23T09:00:00.000Z' }, [3, 4]],
  ['none', { limit: 0 }, []],
] as const)('events by %s, on disk or not yet', (_, filter, ids) => {
  const opened = store();
  opened.appendEvents([anEvent(1), anEvent(2, { organ: 'aegis' })]);
  opened.flush();
  const ts = '2026-11-23T09:00:00.000Z';
  opened.appendEvents([anEvent(3, { type: 'organ-failed', ts }), anEvent(4, { organ: 'aegis', ts })]);
  expect(opened.events(filter).map(({ id }) => id)).toEqual(ids);
  opened.flush();
  expect(opened.events(filter).map(({ id }) => id)).toEqual(ids);
});

test('an event comes back as it was', () => {
  const opened = store();
  const event = anEvent(7, { data: { nested: [1, 'two', null, { three: 3 }] }, organ: null, instance: null });
  opened.appendEvents([event]);
  opened.flush();
  expect(opened.events()).toEqual([event]);
});

test('writes reach the file by themselves', async () => {
  const opened = store();
  opened.appendEvents([anEvent(1)]);
  expect(rows('select id from events')).toEqual([]);
  await expect.poll(() => rows('select id from events')).toEqual([{ id: 1 }]);
});

test('a value that SQLite would never take does not hold up the others', () => {
  const told: string[] = [];
  const opened = openStore(folder, { version: '1', onTrouble: (message) => told.push(message) });
  open.push(opened);
  opened.recordMetrics([
    { instance: 'a', name: 'good', value: 1, at: 't' },
    { instance: 'a', name: 'bad', value: {} as number, at: 't' },
    { instance: 'a', name: 'also good', value: 2, at: 't' },
  ]);
  expect(opened.flush()).toBe(true);
  expect(rows('select name from metrics')).toEqual([{ name: 'good' }, { name: 'also good' }]);
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('bad');
});

test('history beyond its age or size is deleted, the oldest first, in bounded steps', () => {
  const opened = store();
  const old = Array.from({ length: 5000 }, (_, at) => anEvent(at + 1, { ts: '2020-01-01T00:00:00.000Z' }));
  opened.appendEvents([
    ...old,
    ...Array.from({ length: 50 }, (_, at) => anEvent(5001 + at, { ts: new Date().toISOString() })),
  ]);
  opened.flush();
  while (opened.retain({ maxAgeMs: 86_400_000, maxBytes: 1e9 }));
  expect(rows('select count(*) as n, min(id) as first from events')).toEqual([{ n: 50, first: 5001 }]);

  const health = Array.from({ length: 20_000 }, (_, at) =>
    aHealth(`i-${at % 7}`, { checkedAt: new Date().toISOString() }),
  );
  for (let part = 0; part < 5; part++) {
    opened.recordHealth(health.slice(part * 4000, (part + 1) * 4000));
    opened.flush();
  }
  const maxBytes = 500_000;
  while (opened.retain({ maxAgeMs: 86_400_000, maxBytes }));
  opened.close();
  expect(statSync(folder.database).size).toBeLessThan(maxBytes * 2);
  expect(rows('select count(*) as n from events')).toEqual([{ n: 50 }]);
  expect(rows('select min(rowid) > 1 and count(*) > 0 as cut from health_log')).toEqual([{ cut: 1 }]);
});

test('the record can be read beside a writer and after it', () => {
  expect(openReadOnly(folder).kind).toBe('none');
  const opened = store();
  opened.recordBoot({
    bootId: 'b1',
    startedAt: '2026-11-23T08:00:00.000Z',
    configHash: 'c0',
    file: '/p/azora.yaml',
    name: 'p',
  });
  opened.saveOrgans([anOrgan('mint')]);
  opened.saveInstances([anInstance('mint-1')]);
  opened.recordHealth([aHealth('mint-1')]);
  opened.appendEvents([anEvent(1)]);
  opened.setDesired('mint', 'down');

  const check = () => {
    const reading = openReadOnly(folder);
    if (reading.kind !== 'open') return expect.unreachable(reading.why);
    const { reader } = reading;
    const health = { lastCheckAt: '2026-11-23T08:00:30.000Z', latencyMs: 2.1 };
    expect(reader.instances()).toEqual([anInstance('mint-1', { desired: 'down', ...health })]);
    expect(reader.events({ organ: 'mint' })).toEqual([anEvent(1)]);
    const { columns, rows } = reader.query('select instance, health from instances');
    expect([columns, [...rows]]).toEqual([['instance', 'health'], [['mint-1', 'Healthy']]]);
    expect(() => reader.query('delete from event')).toThrow(RangeError);
    const boot = reader.lastBoot();
    reader.close();
    return boot;
  };
  expect(check()).toMatchObject({ bootId: 'b1', name: 'p', file: '/p/azora.yaml', configHash: 'c0', endedAt: null });
  opened.close();
  // The boot is ended by another supervisor than the one that began it.
  store().endBoot('b1', '2026-11-23T09:00:00.000Z', 'down');
  expect(check()).toMatchObject({ bootId: 'b1', endedAt: '2026-11-23T09:00:00.000Z', how: 'down' });
});
