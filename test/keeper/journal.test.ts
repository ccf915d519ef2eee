import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { condense, Journal, type JournalRecord, replay } from '../../src/keeper/journal.ts';
import { LIMITS } from './rig.ts';

const key = (instance: string, generation: number) => ({ instance, generation });
const spawning = (instance: string, generation: number): JournalRecord => ({
  type: 'spawning',
  ...key(instance, generation),
  organ: instance,
  cookie: `${instance}-${generation}`,
  logs: LIMITS,
  readiness: null,
});
const spawned = (instance: string, generation: number, pid = 100): JournalRecord => ({
  type: 'spawned',
  ...key(instance, generation),
  pid,
  startTime: '12345',
  at: 1000,
  adopted: false,
});
const exited = (instance: string, generation: number, seq: number): JournalRecord => ({
  type: 'exited',
  ...key(instance, generation),
  seq,
  pid: 100,
  code: 3,
  signal: null,
  at: 2000,
  ours: false,
  oomKilled: false,
});
const text = (records: readonly JournalRecord[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

test('a life is remembered as far as it came', () => {
  const memory = replay(
    text([
      { type: 'keeper', machineBootId: 'boot', seq: 7 },
      spawning('begun', 1),
      spawning('failed', 1),
      { type: 'spawn-failed', ...key('failed', 1) },
      spawning('running', 2),
      spawned('running', 2, 42),
      { type: 'ready', ...key('running', 2) },
      spawning('ended', 1),
      spawned('ended', 1),
      exited('ended', 1, 8),
      spawning('forgotten', 1),
      spawned('forgotten', 1),
      exited('forgotten', 1, 9),
      { type: 'forgotten', lives: [key('forgotten', 1)] },
    ]),
  );
  expect(memory).toMatchObject({ machineBootId: 'boot', seq: 9 });
  expect(
    memory.lives.map(({ instance, identity, signalledReady, exit }) => [
      instance,
      identity?.pid,
      signalledReady,
      exit?.seq,
    ]),
  ).toEqual([
    ['begun', undefined, false, undefined],
    ['running', 42, true, undefined],
    ['ended', 100, false, 8],
  ]);
});

test('no journal is no memory; a torn last line and lines of garbage are passed over', () => {
  expect(replay('')).toEqual({ machineBootId: null, seq: 0, lives: [] });
  const whole = text([spawning('mint', 1), spawned('mint', 1)]);
  expect(replay(`${whole}garbage\n{"type":"exited","instance":"mi`).lives).toEqual(replay(whole).lives);
});

const anyRecord = fc
  .tuple(
    fc.constantFrom('a', 'b'),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: 1, max: 99 }),
  )
  .map(([instance, generation, kind, seq]): JournalRecord => {
    switch (kind) {
      case 0:
        return spawning(instance, generation);
      case 1:
        return spawned(instance, generation);
      case 2:
        return { type: 'ready', ...key(instance, generation) };
      case 3:
        return exited(instance, generation, seq);
      case 4:
        return { type: 'spawn-failed', ...key(instance, generation) };
      default:
        return { type: 'forgotten', lives: [key(instance, generation)] };
    }
  });

test('a rewritten journal says what the old one said, wherever it was torn', () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 30 }), fc.nat(), (records, cut) => {
      const full = text([{ type: 'keeper', machineBootId: 'boot', seq: 0 }, ...records]);
      const memory = replay(full.slice(0, Math.max(60, full.length - (cut % 80))));
      const again = replay(text([...condense({ ...memory, machineBootId: 'boot' })]));
      expect(again.lives).toEqual(memory.lives);
      expect(again.seq).toBe(memory.seq);
    }),
  );
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'azora-keeper-journal-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the file is rewritten without what was forgotten, and appended to', () => {
  const path = join(folder, 'journal.ndjson');
  writeFileSync(
    path,
    text([
      spawning('old', 1),
      spawned('old', 1),
      { type: 'forgotten', lives: [key('old', 1)] },
      spawning('new', 1),
      spawned('new', 1),
    ]),
  );
  const journal = new Journal(path, null, () => {});
  journal.begin({ ...journal.read(), machineBootId: 'boot' });
  expect(readFileSync(path, 'utf8')).not.toContain('old');
  journal.append(exited('new', 1, 1));
  expect(new Journal(path, null, () => {}).read().lives).toMatchObject([{ instance: 'new', exit: { seq: 1 } }]);
  journal.close(true);
  expect(new Journal(path, null, () => {}).read().lives).toEqual([]);
});

test('a journal that grew long says so, until it is rewritten', () => {
  const journal = new Journal(join(folder, 'journal.ndjson'), null, () => {});
  journal.begin({ machineBootId: 'boot', seq: 0, lives: [] });
  let records = 0;
  for (; !journal.isLong; records++) journal.append(spawning('mint', records));
  expect(records).toBeGreaterThan(1000);
  journal.begin({ ...journal.read(), machineBootId: 'boot', lives: [] });
  expect(journal.isLong).toBe(false);
  expect(readFileSync(join(folder, 'journal.ndjson'), 'utf8').split('\n')).toHaveLength(2);
  journal.close(true);
});

test('what a full disk does not take is read from the refuge, until the disk takes it', () => {
  const path = join(folder, 'not-there', 'journal.ndjson'); // as little to be written as on a full disk
  const refuge = join(folder, 'refuge.ndjson');
  const reports: string[] = [];
  const journal = new Journal(path, refuge, (message) => reports.push(message));
  const remembered = () => new Journal(path, refuge, () => {}).read();
  for (const record of [spawning('a', 1), spawned('a', 1), spawning('b', 1)]) journal.append(record);
  expect(remembered().lives).toMatchObject([
    { instance: 'a', identity: { pid: expect.any(Number) } },
    { instance: 'b', identity: null },
  ]);
  journal.append({ type: 'forgotten', lives: [key('a', 1)] });
  expect(remembered().lives).toMatchObject([{ instance: 'b' }]);
  expect(reports).toEqual([expect.stringMatching(/cannot write .*ENOENT/)]);

  mkdirSync(join(folder, 'not-there'));
  journal.append(spawned('b', 1));
  expect(existsSync(refuge)).toBe(false);
  expect(remembered().lives).toMatchObject([{ instance: 'b', identity: { pid: expect.any(Number) } }]);
  journal.close(true);
});

test('a journal that cannot be rewritten goes on from the old one, and brings nobody back that was forgotten', () => {
  const path = join(folder, 'journal.ndjson');
  const refuge = join(folder, 'refuge.ndjson');
  const old = text([{ type: 'keeper', machineBootId: 'boot', seq: 3 }, spawning('a', 1), spawned('a', 1)]);
  writeFileSync(path, `${old}{"type":"spaw`);
  mkdirSync(`${path}.new`); // in the way
  const journal = new Journal(path, refuge, () => {});
  const [b] = replay(text([spawning('b', 1), spawned('b', 1)])).lives;
  journal.begin({ machineBootId: 'boot', seq: 7, lives: [b!] });
  const again = () => new Journal(path, refuge, () => {}).read();
  expect(again()).toMatchObject({ machineBootId: 'boot', seq: 7, lives: [{ instance: 'b' }] });
  journal.append(spawning('c', 1));
  expect(again().lives.map(({ instance }) => instance)).toEqual(['b', 'c']);
  expect(existsSync(refuge)).toBe(false);
});
