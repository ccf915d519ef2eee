import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';
import { kill, pidsOf } from './support.ts';

/** What happens to azora.yaml while the system runs, and what a command that needs the file then says. */
const FATES: readonly [string, (system: System) => void, RegExp][] = [
  ['edited', (system) => system.write('azora.yaml', 'version: 1\norgans: { other: { command: sleep 1 } }\n'), /^$/],
  ['broken', (system) => system.write('azora.yaml', 'version: 1\norgans: [\n'), /azora\.yaml:\d+:\d+/],
  ['emptied', (system) => system.write('azora.yaml', ''), /the file is empty/],
  ['deleted', (system) => rmSync(system.path('azora.yaml')), /no azora\.yaml|does not exist/],
];

describe.each(FATES)('azora.yaml is %s while the system runs', (fate, happen, complaint) => {
  test('everything that is about what runs works as before; what needs the file says what is wrong with it', async () => {
    await using system = await rig.system({ yaml: { organs: { web: quiet(), app: quiet({ depends_on: ['web'] }) } } });
    await system.expect(0, ['up', '-d']);
    const before = pidsOf(await system.status());
    happen(system);

    expect(pidsOf(await system.status())).toEqual(before);
    for (const args of [['status'], ['logs'], ['events'], ['why', 'web'], ['query', 'select organ from organs']]) {
      const { stdout } = await system.expect(0, args);
      expect(stdout, args.join(' ')).toMatch(/web|ready/);
    }
    await system.expect(0, ['wait', 'web']);
    if (fate !== 'edited') {
      for (const args of [['reload'], ['plan'], ['up', '-d']]) {
        const { stderr } = await system.expect(2, args);
        expect(stderr, args.join(' ')).toMatch(complaint);
      }
    }
    expect(pidsOf(await system.status())).toEqual(before);

    // What runs is what was booted, also for the next supervisor.
    const dead = await kill(system, 'supervisor');
    const after = await system.waitFor(({ system: whole }) => whole.pid !== dead);
    expect(pidsOf(after)).toEqual(before);
    await system.expect(0, ['restart', 'app']);
    await system.expect(0, ['stop', 'app']);
    await system.expect(0, ['start', 'app']);
    expect(pidsOf(await system.status())).toMatchObject({ web: before.web, app: expect.any(Number) });
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });
});

test('a file that is deleted is not replaced by one of a folder further up', async () => {
  await using system = await rig.system({
    yaml: { organs: { outer: quiet() } },
    files: { 'inner/azora.yaml': JSON.stringify({ version: 1, organs: { inner: quiet() } }) },
  });
  const inner = ['--file', system.path('inner/azora.yaml')];
  await system.expect(0, ['up', '-d']);
  await system.expect(0, [...inner, 'up', '-d']);
  rmSync(system.path('inner/azora.yaml'));
  const elsewhere = { cwd: system.path('inner') };
  expect((await system.expect(0, ['status'], elsewhere)).stdout).toMatch(/^inner/m);
  await system.expect(0, ['down'], elsewhere);
  expect(await system.instance('outer')).toMatchObject({ state: 'ready' });
  // With nothing running there the next file upwards is meant, as always.
  expect((await system.expect(0, ['status'], elsewhere)).stdout).toMatch(/^outer/m);
});
