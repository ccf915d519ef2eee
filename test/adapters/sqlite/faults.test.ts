import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { SCHEMA_VERSION } from '../../../src/adapters/sqlite/migrations.ts';
import { openReadOnly } from '../../../src/adapters/sqlite/reader.ts';
import { openStore, type Store } from '../../../src/adapters/sqlite/store.ts';
import type { StateFolder } from '../../../src/adapters/state-folder.ts';
import {
  aHealth,
  anEvent,
  anInstance,
  anOrgan,
  asOrdinaryUser,
  firstOutput,
  fixture,
  runFixture,
  temporaryFolder,
} from './rig.ts';

let folder: StateFolder;
let remove: () => void;
const open: Store[] = [];
const troubles: string[] = [];
const recoveries: string[] = [];
const store = () => {
  const opened = openStore(folder, {
    version: '1.2.3',
    onTrouble: (message) => troubles.push(message),
    onRecovered: (message) => recoveries.push(message),
  });
  open.push(opened);
  return opened;
};
const setAside = () => readdirSync(folder.root).filter((name) => /^azora\.db\.damaged-[^/]*Z(-\d+)?$/.test(name));

/** A database with a past, closed. */
function aPast(): void {
  const past = store();
  past.saveOrgans([anOrgan('mint')]);
  past.saveInstances([anInstance('mint-1')]);
  past.appendEvents(Array.from({ length: 3000 }, (_, at) => anEvent(at + 1)));
  past.setDesired('mint', 'down');
  past.remember('emergency', { reason: 'chain invalid' }, { durable: true });
  past.close();
}

function overwrite(path: string, at: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
}

function expectItWorks(opened: Store, id = opened.lastEventId + 1): void {
  opened.appendEvents([anEvent(id)]);
  opened.recordHealth([aHealth('mint-1')]);
  expect(opened.flush()).toBe(true);
  expect(opened.setDesired('aegis', 'down')).toBe(true);
  expect(opened.isWritable).toBe(true);
  expect(opened.events({ sinceId: id - 1 })).toEqual([anEvent(id)]);
}

beforeEach(() => {
  ({ folder, remove } = temporaryFolder());
  troubles.length = 0;
  recoveries.length = 0;
});
afterEach(() => {
  for (const opened of open.splice(0)) opened.close();
  remove();
});

const root = (table: string) => {
  const db = new Database(folder.database, { readonly: true });
  const page =
    db.prepare<[string], number>('select rootpage from sqlite_schema where name = ?').pluck().get(table) ?? 0;
  db.close();
  return (page - 1) * 4096;
};

test.each([
  ['a corrupt header', () => overwrite(folder.database, 0, Buffer.alloc(100, 0xff)), /not a database/, false],
  [
    'a header that is only right at its start',
    () => overwrite(folder.database, 16, Buffer.alloc(40, 0xff)),
    /damaged/,
    false,
  ],
  ['a damaged page of events', () => overwrite(folder.database, root('event'), Buffer.alloc(4096, 0)), /damaged/, true],
  [
    'damaged durable facts',
    () => overwrite(folder.database, root('fact'), Buffer.alloc(4096, 0xa5)),
    /damaged/,
    'desired',
  ],
  ['zero length', () => truncateSync(folder.database, 0), /it is empty/, false],
  ['half a file', () => truncateSync(folder.database, 8192), /damaged/, false],
  ['text', () => writeFileSync(folder.database, 'organs: []\n'.repeat(1000)), /not a database/, false],
  [
    'a stranger’s database',
    () => {
      rmSync(folder.database);
      new Database(folder.database).exec('create table t (x)').close();
    },
    /not one of azora/,
    false,
  ],
  [
    'a missing table',
    () => {
      const db = new Database(folder.database);
      db.exec('drop table exit');
      db.close();
    },
    /no such table/,
    true,
  ],
  [
    'only its log',
    () => {
      const db = new Database(folder.database);
      db.exec(`insert into event (id) values (9999)`);
      copyFileSync(`${folder.database}-wal`, `${folder.database}-kept`);
      db.close();
      rmSync(folder.database);
      copyFileSync(`${folder.database}-kept`, `${folder.database}-wal`);
      rmSync(`${folder.database}-kept`);
    },
    /write-ahead log/,
    false,
  ],
  [
    'a folder in its place',
    () => {
      rmSync(folder.database);
      mkdirSync(join(folder.database, 'sub'), { recursive: true });
    },
    /not a file/,
    false,
  ],
])('%s: set aside, said, rebuilt, and what can be saved is', (_, damage, why, saved) => {
  aPast();
  damage();
  const opened = store();
  expect(opened.notes).toHaveLength(1);
  expect(opened.notes[0]).toMatch(why);
  expect(readdirSync(folder.root).some((name) => name.startsWith('azora.db.damaged-'))).toBe(true);
  if (saved) expect([...opened.desired()]).toEqual([['mint', 'down']]);
  if (saved === true) expect(opened.recall('emergency')).toEqual({ reason: 'chain invalid' });
  expectItWorks(opened);
  opened.close();
  const next = store();
  expect(next.notes).toEqual([]);
  if (saved) expect(next.desired().get('mint')).toBe('down');
  expect(next.desired().get('aegis')).toBe('down');
  expect(troubles).toEqual([]);
});

/** Beyond the size up to which everything is checked when it is opened. */
function aLongPast(): void {
  const past = store();
  for (let part = 0; part < 12; part++) {
    const message = 'x'.repeat(400);
    past.appendEvents(Array.from({ length: 2000 }, (_, at) => anEvent(part * 2000 + at + 1, { message })));
    past.flush();
  }
  past.setDesired('mint', 'down');
  past.close();
  expect(statSync(folder.database).size).toBeGreaterThan(9_000_000);
}

test.each([
  ['a damaged page', () => overwrite(folder.database, root('desired_state'), Buffer.alloc(4096, 0xa5)), /damaged/],
  ['a missing one', () => new Database(folder.database).exec('drop table desired_state').close(), /no such table/],
])('a large database whose vital tables have %s is found out when it is opened', (_, damage, why) => {
  aLongPast();
  damage();
  const opened = store();
  expect(opened.notes).toEqual([expect.stringMatching(why)]);
  expect(opened.lastEventId).toBe(24_000);
  expectItWorks(opened);
});

test.each(['health_log', 'metric', 'check_run'])(
  'a damaged inner page of the history (%s) is found out soon after',
  (table) => {
    aPast();
    overwrite(folder.database, root(table), Buffer.alloc(4096, 0xa5));
    const opened = store();
    expect(opened.notes).toEqual([]);
    while (opened.examine());
    expect(troubles).toEqual([expect.stringMatching(/damaged .* a new one is begun with what memory knows/)]);
    expect(setAside()).toHaveLength(1);
    expect([...opened.desired()]).toEqual([['mint', 'down']]);
    expect(opened.recall('emergency')).toEqual({ reason: 'chain invalid' });
    expectItWorks(opened);
    while (opened.examine());
    expect(troubles).toHaveLength(1);
  },
);

test('a database without damage is examined to its end, and goes on', () => {
  aPast();
  const opened = store();
  let rounds = 1;
  while (opened.examine()) rounds++;
  expect(rounds).toBeGreaterThan(3);
  expect(troubles).toEqual([]);
  expect(setAside()).toEqual([]);
  expectItWorks(opened);
});

test('a large database whose history is damaged is found out when that is read', () => {
  aLongPast();
  const half = Math.floor(statSync(folder.database).size / 8192) * 4096;
  overwrite(folder.database, half, Buffer.alloc(4096 * 20, 0xa5));
  const opened = store();
  expect(opened.notes).toEqual([]);
  expect(opened.events({ organ: 'nobody' })).toEqual([]);
  expect(troubles).toEqual([expect.stringMatching(/damaged .* a new one is begun/)]);
  expect(opened.desired().get('mint')).toBe('down');
  expectItWorks(opened);
  expect(opened.lastEventId).toBe(24_001);
});

test('a half-made database of a process that was killed is no damage', () => {
  for (const suffix of ['', '-wal']) writeFileSync(`${folder.database}.new${suffix}`, 'half');
  const opened = store();
  expect(opened.notes).toEqual([]);
  expectItWorks(opened);
  expect(readdirSync(folder.root).filter((name) => name.includes('.new'))).toEqual([]);
});

test('a missing folder is made, private', () => {
  rmSync(folder.root, { recursive: true });
  const opened = store();
  expect(opened.notes).toEqual([]);
  expect(statSync(folder.root).mode & 0o777).toBe(0o700);
  expectItWorks(opened);
});

test('a log that a killed process left behind is taken in', () => {
  const killed = store();
  killed.appendEvents([anEvent(1)]);
  killed.flush();
  for (const suffix of ['', '-wal']) copyFileSync(folder.database + suffix, join(folder.root, `copy${suffix}`));
  killed.close();
  for (const suffix of ['', '-wal']) copyFileSync(join(folder.root, `copy${suffix}`), folder.database + suffix);
  const next = store();
  expect(next.notes).toEqual([]);
  expect(next.lastEventId).toBe(1);
});

const fingerprint = () =>
  readdirSync(folder.root)
    .sort()
    .map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder.root, name)))
        .digest('hex'),
    ]);

test.each([
  ['in the file', false],
  ['still in its log', true],
])('a newer schema, %s, is left untouched; desired states and the latch are obeyed all the same', (_, inLog) => {
  aPast();
  const newer = new Database(folder.database);
  if (inLog) newer.pragma('wal_autocheckpoint = 0');
  newer.exec(`update meta set value = '9.1.0' where key = 'written_by'`);
  newer.pragma(`user_version = ${SCHEMA_VERSION + 1}`);
  if (inLog)
    for (const suffix of ['', '-wal']) copyFileSync(folder.database + suffix, join(folder.root, `copy${suffix}`));
  newer.close();
  if (inLog) {
    for (const suffix of ['', '-wal']) copyFileSync(join(folder.root, `copy${suffix}`), folder.database + suffix);
    for (const suffix of ['', '-wal']) rmSync(join(folder.root, `copy${suffix}`));
    expect(readFileSync(folder.database).readUInt32BE(60)).toBe(SCHEMA_VERSION);
  }
  const before = fingerprint();

  const opened = store();
  expect(opened.notes).toHaveLength(1);
  expect(opened.notes[0]).toMatch(/written by azora 9\.1\.0 .* left untouched/);
  expect(opened.isWritable).toBe(false);
  expect([...opened.desired()]).toEqual([['mint', 'down']]);
  expect(opened.recall('emergency')).toEqual({ reason: 'chain invalid' });
  expect(opened.lastEventId).toBe(3000);
  opened.appendEvents([anEvent(3001)]);
  expect(opened.setDesired('mint', null)).toBe(false);
  expect([...opened.desired()]).toEqual([]);
  expect(opened.events({ sinceId: 3000 })).toEqual([anEvent(3001)]);
  opened.close();
  expect(fingerprint().filter(([name]) => !name?.endsWith('-shm'))).toEqual(
    before.filter(([name]) => !name?.endsWith('-shm')),
  );
  expect(openReadOnly(folder)).toEqual({ kind: 'unreadable', why: expect.stringContaining('written by azora 9.1.0') });
});

test('a folder that cannot be written: works from memory, says so, obeys what it reads, and writes once it can', async () => {
  aPast();
  chmodSync(join(folder.root, '..'), 0o755);
  chmodSync(folder.root, 0o555);
  chmodSync(folder.database, 0o444);
  if (process.getuid?.() === 0) for (const path of [folder.root, folder.database]) chownSync(path, 65534, 65534);
  const opened = asOrdinaryUser(store);
  expect(opened.notes).toHaveLength(1);
  expect(opened.notes[0]).toMatch(/cannot be written/);
  expect([...opened.desired()]).toEqual([['mint', 'down']]);
  expect(opened.recall('emergency')).toEqual({ reason: 'chain invalid' });
  opened.appendEvents([anEvent(3001)]);
  expect(asOrdinaryUser(() => opened.flush())).toBe(false);
  expect(asOrdinaryUser(() => openReadOnly(folder))).toMatchObject({ kind: 'open' });

  chmodSync(folder.root, 0o700);
  chmodSync(folder.database, 0o600);
  await expect.poll(() => recoveries.length, { timeout: 5000 }).toBe(1);
  expect(opened.isWritable).toBe(true);
  expect(opened.events({ sinceId: 2999 }).map(({ id }) => id)).toEqual([3000, 3001]);
});

test('a lock held by another process delays writes and nothing else', async () => {
  const opened = store();
  opened.saveInstances([anInstance('mint-1')]);
  opened.flush();
  const holder = runFixture('lock-holder', [folder.database, 'writes']);
  await firstOutput(holder);

  const slowest = { ms: 0 };
  for (let id = 1; id <= 20; id++) {
    const startedAt = performance.now();
    opened.appendEvents([anEvent(id)]);
    expect(opened.flush()).toBe(false);
    slowest.ms = Math.max(slowest.ms, performance.now() - startedAt);
  }
  expect(slowest.ms).toBeLessThan(250);
  expect(opened.setDesired('mint', 'down')).toBe(false);
  expect(opened.desired().get('mint')).toBe('down');
  expect(opened.events()).toHaveLength(20);
  await expect.poll(() => troubles.length, { timeout: 10_000 }).toBe(1);
  expect(troubles[0]).toMatch(/locked by another process/);

  holder.stdin?.end();
  await once(holder, 'exit');
  await expect.poll(() => recoveries.length, { timeout: 10_000 }).toBe(1);
  expect(recoveries[0]).toMatch(/nothing that waited is lost/);
  opened.close();
  const next = store();
  expect(next.events()).toHaveLength(20);
  expect(next.desired().get('mint')).toBe('down');
}, 20_000);

test('a database that is locked when it is opened: the latch is known, and writes follow when it is free', async () => {
  aPast();
  const holder = runFixture('lock-holder', [folder.database, 'everything']);
  await firstOutput(holder);
  const opened = store();
  expect(opened.notes[0]).toMatch(/locked by another process/);
  expect(setAside()).toEqual([]);
  expect(opened.recall('emergency')).toEqual({ reason: 'chain invalid' });
  expect([...opened.desired()]).toEqual([['mint', 'down']]);
  expect(opened.lastEventId).toBe(3000);
  opened.appendEvents([anEvent(3001)]);
  expect(opened.setDesired('mint', null)).toBe(false);
  holder.stdin?.end();
  await once(holder, 'exit');
  await expect.poll(() => recoveries.length, { timeout: 10_000 }).toBe(1);
  opened.close();
  const next = store();
  expect(next.lastEventId).toBe(3001);
  expect([...next.desired()]).toEqual([]);
}, 20_000);

test('damage that shows while it runs: set aside, said, and begun anew with what memory knows', () => {
  const opened = store();
  opened.recordBoot({ bootId: 'b1', startedAt: '2026-11-23T08:00:00.000Z', configHash: 'c', file: 'f', name: 'n' });
  opened.saveOrgans([anOrgan('mint')]);
  opened.saveInstances([anInstance('mint-1')]);
  opened.setDesired('mint', 'down');
  opened.appendEvents(Array.from({ length: 3000 }, (_, at) => anEvent(at + 1)));
  opened.flush();
  // Another connection's write makes the store read the pages again.
  const other = new Database(folder.database);
  other.pragma('wal_checkpoint(truncate)');
  other.exec(`insert into metric values ('a', 'b', 1, 't')`);
  other.pragma('wal_checkpoint(truncate)');
  overwrite(folder.database, 4096, Buffer.alloc(statSync(folder.database).size - 4096, 0xa5));

  opened.appendEvents([anEvent(3001)]);
  expect(opened.flush()).toBe(true);
  other.close();
  expect(troubles).toHaveLength(1);
  expect(troubles[0]).toMatch(/damaged/);
  expect(setAside()).toHaveLength(1);
  expectItWorks(opened, 3002);
  opened.close();
  const reading = openReadOnly(folder);
  if (reading.kind !== 'open') return expect.unreachable(reading.why);
  expect(reading.reader.lastBoot()?.bootId).toBe('b1');
  expect(reading.reader.instances()).toMatchObject([{ instance: 'mint-1', desired: 'down' }]);
  expect(reading.reader.events().map(({ id }) => id)).toEqual([3001, 3002]);
  reading.reader.close();
});

test('a database that was removed while it runs is begun anew', async () => {
  const opened = store();
  opened.setDesired('mint', 'down');
  rmSync(folder.root, { recursive: true });
  let id = 0;
  await expect
    .poll(
      () => {
        opened.appendEvents([anEvent(++id)]);
        opened.flush();
        return existsSync(folder.database);
      },
      { timeout: 8000, interval: 100 },
    )
    .toBe(true);
  expect(troubles[0]).toMatch(/removed or replaced/);
  opened.close();
  expect(store().desired().get('mint')).toBe('down');
}, 10_000);

test('a process killed while it writes loses nothing that it had flushed', async () => {
  let last = 0;
  for (let round = 0; round < 3; round++) {
    const writer = runFixture('writer', [folder.root]);
    let printed = '';
    writer.stdout?.on('data', (chunk) => {
      printed += chunk;
    });
    await firstOutput(writer);
    await expect.poll(() => printed.length, { timeout: 10_000 }).toBeGreaterThan(200 * (round + 1));
    writer.kill('SIGKILL');
    await once(writer, 'close');
    const flushed = Number(printed.slice(0, printed.lastIndexOf('\n')).split('\n').at(-1));
    expect(flushed).toBeGreaterThan(last);
    const next = store();
    expect(next.notes).toEqual([]);
    expect(next.lastEventId).toBeGreaterThanOrEqual(flushed);
    const ids = next.events({ limit: 1_000_000 }).map(({ id }) => id);
    expect(ids).toEqual(Array.from({ length: next.lastEventId }, (_, at) => at + 1));
    expect(next.desired().has(`organ-${flushed}`)).toBe(true);
    last = next.lastEventId;
    next.close();
  }
}, 30_000);

/** Where it is mounted: a folder of its own, so that nothing else disappears below it. */
const smallDisk = mkdtempSync(join(tmpdir(), 'azora-small-disk-'));
afterAll(() => rmSync(smallDisk, { recursive: true, force: true }));

/** A disk of its own, 24 MB, that is gone with the process; only Linux, and only where namespaces may be made. */
const onASmallDisk = (command: string) =>
  spawnSync(
    'unshare',
    [
      '--user',
      '--map-root-user',
      '--mount',
      'sh',
      '-c',
      `mount -t tmpfs -o size=24m none "$0" && ${command}`,
      smallDisk,
    ],
    { encoding: 'utf8', timeout: 20_000 },
  );
const canHaveASmallDisk = onASmallDisk('true').status === 0;

test.skipIf(!canHaveASmallDisk)(
  'a full disk is said once; the ballast makes room; nothing recent is lost when there is space again',
  () => {
    const { stdout, stderr, status } = onASmallDisk(`exec "${process.execPath}" "${fixture('full-disk')}" "$0/.azora"`);
    expect(status, stderr).toBe(0);
    const seen = JSON.parse(stdout);
    expect(seen).toMatchObject({ ballastLaid: true, ballastDropped: true, recovered: true, closed: true });
    expect(seen.writesBeforeFailure).toBeGreaterThan(0);
    expect(seen.storedWhileFull).toBeGreaterThan(0);
    expect(seen.troubles[0]).toMatch(/no space left/);
    expect(seen.recoveries.at(-1)).toMatch(/written again/);
    expect(seen.last).toBe(seen.id);
  },
  30_000,
);

test('while nothing can be written, memory stays bounded and the newest are kept', () => {
  appendFileSync(folder.database, '');
  rmSync(folder.database);
  const newer = new Database(folder.database);
  newer.pragma('user_version = 999');
  newer.close();
  const opened = store();
  for (let id = 1; id <= 60_000; id += 1000) {
    opened.appendEvents(Array.from({ length: 1000 }, (_, at) => anEvent(id + at)));
  }
  const kept = opened.events({ limit: 1_000_000 });
  expect(kept.length).toBeLessThanOrEqual(20_000);
  expect(kept.at(-1)?.id).toBe(60_000);
});
