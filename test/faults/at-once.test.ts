import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { quiet } from '../e2e/rig/organs.ts';
import { rig } from '../e2e/rig.ts';
import { kill } from './support.ts';

describe('at the same time', () => {
  test('ten ups have one owner', async () => {
    await using system = await rig.system({
      yaml: { organs: { web: { command: [rig.program('keeps-a-ledger.sh'), 'web'], health: { log: '^ready$' } } } },
    });
    const ups = await Promise.all(Array.from({ length: 10 }, () => system.run(['up', '-d'])));
    expect(ups.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual(Array(10).fill(0));
    expect(readFileSync(system.path('ledger-web'), 'utf8').trim().split('\n')).toHaveLength(1);
    const daemons = system.processes().filter(({ command }) => command.startsWith('azora '));
    expect(daemons.map(({ command }) => command.split(' ')[1]).sort()).toEqual(['keeper', 'supervisor']);
  });

  test('ten status after both daemons died: one of each, and all answer', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const { pid } = await system.instance('web');
    await Promise.all([kill(system, 'supervisor'), kill(system, 'keeper')]);
    const answers = await Promise.all(Array.from({ length: 10 }, () => system.status()));
    expect(answers.map(({ organs }) => organs[0]?.pid)).toEqual(Array(10).fill(pid));
    expect(new Set(answers.map(({ system: { pid } }) => pid)).size).toBe(1);
  });

  test('a down during an up ends it', async () => {
    const slow = { command: 'sleep 2; echo ready; exec sleep 1000', health: { log: '^ready$' } };
    await using system = await rig.system({ yaml: { organs: { slow } } });
    const up = system.start(['up', '-d']);
    await system.waitFor(({ organs }) => organs[0]?.state === 'starting');
    await system.expect(0, ['down']);
    expect((await up.finished()).code).toBe(1);
    await system.expectNothingLeft();
  });

  test('an up during a down waits for the end of it, and boots', async () => {
    const deaf = { command: [rig.program('ignores-sigterm.sh')], health: { log: '^deaf$' }, stop: { timeout: '1s' } };
    await using system = await rig.system({ yaml: { organs: { deaf } } });
    await system.expect(0, ['up', '-d']);
    const before = await system.status();
    const down = system.start(['down']);
    await system.waitFor(({ system: { phase } }) => phase === 'stopping');
    const up = await system.expect(0, ['up', '-d']);
    expect(up.stderr).toContain('is being stopped; it boots once that is over');
    expect((await down.finished()).code).toBe(0);
    const after = await system.status();
    expect(after.system.bootId).not.toBe(before.system.bootId);
    expect(after.organs[0]).toMatchObject({ state: 'ready' });
    expect(system.isAlive(before.organs[0]!.pid!)).toBe(false);
  });
});

describe('another version', () => {
  /** This checkout, as if it were another release. */
  function release(version: string): string {
    const root = resolve(import.meta.dirname, '../..');
    const copy = mkdtempSync(join(tmpdir(), 'azora-release-'));
    onTestFinished(() => rmSync(copy, { recursive: true }));
    for (const name of ['bin', 'src', 'package.json']) cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const file = join(copy, 'package.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version }));
    return join(copy, 'bin/azora');
  }

  test('that is newer: up replaces the supervisor and touches no organ; status tells both until then', async () => {
    const newer = release('99.1.0');
    await using system = await rig.system({ yaml: { organs: { web: quiet() } } });
    await system.expect(0, ['up', '-d']);
    const before = await system.status();
    const seen = await system.expect(0, ['status'], { program: newer });
    expect(seen.stderr).toMatch(/the supervisor is azora \S+, and this is azora 99\.1\.0; azora up replaces it/);
    const up = await system.expect(0, ['up', '-d'], { program: newer });
    expect(up.stderr).toMatch(/azora 99\.1\.0 \(pid \d+\) has taken over, organs run on/);
    const after = await system.status();
    expect(after.system.pid).not.toBe(before.system.pid);
    expect(after.system.bootId).toBe(before.system.bootId);
    expect(after.organs[0]!.pid).toBe(before.organs[0]!.pid);
    // The next one, after a death, is of the new version too.
    await kill(system, 'supervisor');
    const third = await system.expect(0, ['status'], { program: newer });
    expect(third.stderr).toBe('');
    // An older one leaves it in its place, and says so.
    const older = await system.expect(0, ['up', '-d']);
    expect(older.stderr).toMatch(/the supervisor is azora 99\.1\.0, and this is azora/);
    expect((await system.instance('web')).pid).toBe(before.organs[0]!.pid);
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });
});
