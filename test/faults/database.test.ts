import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { SCHEMA_VERSION } from '../../src/adapters/sqlite/migrations.ts';
import { firstOutput, runFixture } from '../adapters/sqlite/rig.ts';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';
import { asOrdinaryUser, kill, query } from './support.ts';

const frail = { command: 'sleep 0.2; exit 3', restart: { delay: '100ms', factor: 1, limit: 100_000 } };
const restartsOf = async (system: System) => (await system.instance('frail')).restarts;

/** Organs are healed, stopped and started, whatever the database is like. */
async function expectSupervision(system: System): Promise<void> {
  const before = await restartsOf(system);
  await system.waitFor(({ organs }) => organs.find(({ organ }) => organ === 'frail')!.restarts >= before + 2);
  await system.expect(0, ['stop', 'web']);
  await system.expect(0, ['start', 'web']);
}

describe('the database of a system that runs', () => {
  test('locked by another process for ten seconds: supervision goes on, and nothing of the history is lost', async () => {
    const probed = quiet({ health: { exec: 'echo >> probes', interval: '200ms' } });
    await using system = await rig.system({ yaml: { organs: { web: quiet(), frail, probed } } });
    await system.run(['up', '-d', '--wait-timeout', '5s']);
    const holder = runFixture('lock-holder', [system.state.database, 'writes']);
    await firstOutput(holder);
    const from = performance.now();
    await expectSupervision(system);
    await system.waitForEvent(({ type, message }) => type === 'warning' && /locked by another process/.test(message));
    expect((await system.status()).system.status).not.toBe('Operational');
    const said = system.events.map(({ id }) => id);
    while (performance.now() - from < 10_000) {
      const begin = performance.now();
      await system.status();
      expect(performance.now() - begin).toBeLessThan(5000);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    holder.stdin!.end();
    await once(holder, 'exit');
    await system.waitForEvent(({ type, message }) => type === 'warning' && /nothing that waited is lost/.test(message));
    await system.expect(0, ['down']);
    const kept = new Set(query<{ id: number }>(system, 'select id from events').map(({ id }) => id));
    expect(said.filter((id) => !kept.has(id))).toEqual([]);
    // Each check once, those too of the time when nothing could be written; the last was perhaps called off.
    const asked = readFileSync(system.path('probes'), 'utf8').length;
    expect(asked).toBeGreaterThan(20);
    const checks = query<{ at: string }>(system, "select checked_at as at from health_log where instance = 'probed'");
    expect(checks.length).toBeGreaterThanOrEqual(asked - 1);
    expect(new Set(checks.map(({ at }) => at)).size).toBe(checks.length);
  });

  test('of a boot in steps: each check is on record once, however often the boot went on beside it', async () => {
    const organs = Object.fromEntries(
      [...'abcdefgh'].map((name) => [name, quiet({ health: { exec: 'true', interval: '100ms' } })]),
    );
    const steps = ['ab', 'cd', 'ef', 'gh'].map((pair) => ({ name: `step ${pair}`, organs: [...pair] }));
    await using system = await rig.system({ yaml: { boot: { steps }, organs } });
    await system.expect(0, ['up', '-d']);
    await system.expect(0, ['down']);
    const checks = query<{ key: string }>(system, "select instance || ' ' || checked_at as key from health_log");
    expect(checks.length).toBeGreaterThanOrEqual(8);
    expect(new Set(checks.map(({ key }) => key)).size).toBe(checks.length);
  });

  test('removed while it runs: said, begun anew', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), frail } } });
    await system.run(['up', '-d', '--wait-timeout', '5s']);
    for (const suffix of ['', '-wal', '-shm']) rmSync(system.state.database + suffix);
    await expectSupervision(system);
    await system.waitForEvent(({ type, message }) => type === 'warning' && /removed or replaced/.test(message));
    await system.expect(0, ['down']);
    expect(query(system, "select id from events where type = 'system-stopped'")).toHaveLength(1);
  });
});

describe('a database that the next boot finds', () => {
  const past = async (system: System) => {
    await system.expect(0, ['up', '-d']);
    await system.expect(0, ['down']);
  };

  test.each<[string, (path: string) => void, RegExp]>([
    ['not one at all', (path) => writeFileSync(path, 'organs: []\n'.repeat(1000)), /not a database/],
    ['empty', (path) => truncateSync(path, 0), /it is empty/],
    ['cut in half', (path) => truncateSync(path, 8192), /damaged/],
  ])('%s: it boots, says so, keeps the old one aside, and has a history from then on', async (_, harm, why) => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await past(system);
    for (const suffix of ['-wal', '-shm']) rmSync(system.state.database + suffix, { force: true });
    harm(system.state.database);
    await system.expect(0, ['up', '-d']);
    await system.waitForEvent(({ type, message }) => type === 'warning' && why.test(message));
    expect(readdirSync(system.state.root).some((name) => name.startsWith('azora.db.damaged-'))).toBe(true);
    await system.expect(0, ['down']);
    expect(query(system, "select id from events where type = 'system-ready'")).toHaveLength(1);
  });

  test('damaged in its history: it boots, finds that out by itself, and begins a new one with what it knows', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await past(system);
    const db = new Database(system.state.database);
    const page = db.prepare<[], number>(`select rootpage from sqlite_schema where name = 'metric'`).pluck().get()!;
    db.pragma('wal_checkpoint(truncate)');
    db.close();
    const file = openSync(system.state.database, 'r+');
    writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, (page - 1) * 4096);
    closeSync(file);
    await system.expect(0, ['up', '-d']);
    await system.waitForEvent(({ type, message }) => type === 'warning' && /is damaged .*Tree/.test(message));
    expect(readdirSync(system.state.root).some((name) => name.startsWith('azora.db.damaged-'))).toBe(true);
    await system.expect(0, ['restart', 'web']);
    await system.expect(0, ['down']);
    expect(query(system, "select id from events where type = 'system-stopped'")).toHaveLength(1);
  });

  test('written by a newer azora: it boots, says so, and leaves it as it is', async () => {
    const organs = { web: quiet(), frail: { ...frail, restart: { ...frail.restart, delay: '500ms' } } };
    await using system = await rig.system({ yaml: { organs } });
    await past(system);
    const db = new Database(system.state.database);
    db.exec(`update meta set value = '9.1.0' where key = 'written_by'`);
    db.pragma(`user_version = ${SCHEMA_VERSION + 1}`);
    db.pragma('wal_checkpoint(truncate)');
    db.close();
    const before = readFileSync(system.state.database);
    await system.run(['up', '-d', '--wait-timeout', '5s']);
    await system.waitForEvent(({ message }) => /written by azora 9\.1\.0 .* left untouched/.test(message));
    await system.waitForEvent(
      ({ type, message }) => type === 'system-status-changed' && /Degraded.*written by azora 9\.1\.0/.test(message),
    );
    await expectSupervision(system);
    expect((await system.run(['query', 'select 1'])).stderr).toMatch(/written by azora 9\.1\.0/);
    await system.expect(0, ['down']);
    expect(readFileSync(system.state.database).equals(before)).toBe(true);
    await system.expectNothingLeft();
  });

  test('that this user may not write: it boots from memory, says so, and goes down', async (context) => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), frail } } });
    const program = asOrdinaryUser(system);
    if (program === null) return context.skip('the checkout cannot be read by another user');
    await system.run(['up', '-d', '--wait-timeout', '5s'], { program });
    await system.expect(0, ['stop', 'web'], { program });
    await Promise.all([kill(system, 'supervisor'), kill(system, 'keeper')]);
    chmodSync(system.state.database, 0o400);
    await system.expect(0, ['status'], { program });
    await system.waitForEvent(({ type, message }) => type === 'warning' && /cannot be written/.test(message));
    expect(await system.instance('web')).toMatchObject({ state: 'stopped' });
    await system.expect(0, ['start', 'web'], { program });
    await system.waitFor(({ organs }) => organs[0]?.state === 'ready');
    await system.expect(0, ['down'], { program });
    await system.expectNothingLeft();
    expect(system.daemonLogs()).not.toMatch(/uncaughtException|unhandledRejection/);
  });
});
