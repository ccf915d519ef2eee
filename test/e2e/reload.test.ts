import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { StatusDocument } from '../../src/core/status.ts';
import { rig } from './rig.ts';

const sleeper = (seconds: number) => ({ command: `sleep ${seconds}` });
const file = (organs: Record<string, object>) => JSON.stringify({ version: 1, name: 'test', organs }, null, 2);
const pids = ({ organs }: StatusDocument): Map<string, number | null> =>
  new Map(organs.map(({ instance, pid }) => [instance, pid]));

describe('the next boot', () => {
  test('says in what its file differs from what was run last, a reload included, and nothing if it does not', async () => {
    await using system = await rig.system({ yaml: file({ web: sleeper(1000) }) });
    const bootAgain = async () => {
      await system.expect(0, ['up', '-d']);
      const { stdout } = await system.expect(0, ['events', '--json', '--type', 'config-reloaded']);
      await system.expect(0, ['down']);
      return stdout.match(/since the last boot: [^"]*/g) ?? [];
    };
    expect(await bootAgain()).toEqual([]);
    expect(await bootAgain()).toEqual([]);
    await system.expect(0, ['up', '-d']);
    system.write('azora.yaml', file({ web: sleeper(2000) }));
    await system.expect(0, ['reload']);
    await system.expect(0, ['down']);
    system.write('azora.yaml', file({ web: sleeper(1000) }));
    expect(await bootAgain()).toEqual(['since the last boot: web (command)']);
  });
});

describe('reload', () => {
  test.each([
    [
      { web: sleeper(1000), 'web-2': sleeper(1000) },
      { web: { ...sleeper(1000), replicas: 2 } },
      'web-2 is an instance of web-2',
    ],
    [
      { web: { ...sleeper(1000), replicas: 2 } },
      { web: sleeper(1000), 'web-2': sleeper(1) },
      'web-2 is an instance of web ',
    ],
  ])('a name that runs as one organ’s does not become another’s', async (before, after, why) => {
    await using system = await rig.system({ yaml: file(before) });
    await system.expect(0, ['up', '-d']);
    const running = pids(await system.status());
    system.write('azora.yaml', file(after));
    for (const command of [['reload'], ['up', '-d']]) {
      expect((await system.expect(2, command)).stderr).toContain(why);
      expect(pids(await system.status())).toEqual(running);
    }
    await system.expect(0, ['down']);
    await system.expect(0, ['up', '-d']);
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });

  // Where the supervisor dies follows from how often it has passed there; wherever it is, what was reloaded is what runs.
  test.each(
    ['supervisor:document-written', 'supervisor:boot-committed', 'supervisor:before-spawn'].flatMap((place) =>
      [2, 3, 4, 5, 6].map((time) => `${place}@${time}`),
    ),
  )('a supervisor that dies at %s, in a reload or before it, is followed by one that knows of it', async (place) => {
    const mark = join(tmpdir(), `azora-reload-${randomBytes(8).toString('hex')}`);
    const env = { AZORA_TEST: '1', AZORA_FAILPOINT: place, AZORA_FAILPOINT_MARK: mark };
    await using system = await rig.system({ yaml: file({ a: sleeper(1000) }), env });
    await system.expect(0, ['up', '-d']);
    const late = Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`late-${n}`, sleeper(1000)]));
    system.write('azora.yaml', file({ a: sleeper(1000), ...late }));
    // The command says so if the supervisor died over it, and may be typed again.
    if ((await system.run(['reload'])).code !== 0) await system.expect(0, ['reload']);
    await system.waitFor(({ organs }) => organs.length === 6 && organs.every(({ state }) => state === 'ready'));
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
    rmSync(mark, { force: true });
  });

  test('of fifty organs the one that was edited is planned and restarted; 49 pids stay', async () => {
    const fifty = (edited: object = sleeper(1000)) =>
      file(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`o${i}`, i === 7 ? edited : sleeper(1000)])));
    await using system = await rig.system({ yaml: fifty() });
    await system.expect(0, ['up', '-d']);
    const before = pids(await system.status());

    system.write('azora.yaml', fifty(sleeper(2000)));
    const plan = await system.expect(0, ['plan']);
    expect(plan.stdout).toContain('~ restart o7  command: "sleep 1000" is now "sleep 2000"');
    expect(plan.stdout).toContain('49 organs stay as they are');
    expect(pids(await system.status())).toEqual(before);

    await system.expect(0, ['reload']);
    const after = pids(await system.status());
    const changed = [...after].filter(([name, pid]) => before.get(name) !== pid).map(([name]) => name);
    expect(changed).toEqual(['o7']);
    expect((await system.expect(0, ['plan'])).stdout).toContain('nothing to do');
  });

  test('a broken file changes nothing, and names the place', async () => {
    await using system = await rig.system({ yaml: file({ a: sleeper(1000) }) });
    await system.expect(0, ['up', '-d']);
    const before = pids(await system.status());
    system.write('azora.yaml', 'version: 1\norgans:\n  a: { comand: sleep 1 }\n');
    const { stderr } = await system.expect(2, ['reload']);
    expect(stderr).toContain('nothing was changed');
    expect(stderr).toContain('azora.yaml:3:');
    expect(pids(await system.status())).toEqual(before);
    await system.expect(0, ['down']);
    await system.expectNothingLeft();
  });

  test('organs come and go with the file, also by `up`', async () => {
    await using system = await rig.system({ yaml: file({ a: sleeper(1000), b: sleeper(1000) }) });
    await system.expect(0, ['up', '-d']);
    const [a] = [(await system.instance('a')).pid];
    system.write('azora.yaml', file({ a: sleeper(1000), c: { ...sleeper(1000), depends_on: ['a'] } }));
    await system.expect(0, ['up', '-d']);
    const { organs } = await system.waitFor((status) => status.organs.every(({ organ }) => organ !== 'b'));
    expect(organs.map(({ organ, state }) => `${organ} ${state}`)).toEqual(['a ready', 'c ready']);
    expect((await system.instance('a')).pid).toBe(a);
  });

  test('a new supervisor goes on with what was reloaded last', async () => {
    await using system = await rig.system({ yaml: file({ a: sleeper(1000) }) });
    await system.expect(0, ['up', '-d']);
    system.write('azora.yaml', file({ a: sleeper(1000), b: sleeper(1000) }));
    await system.expect(0, ['reload']);
    const before = await system.status();
    process.kill(before.system.pid!, 'SIGKILL');
    const after = await system.waitFor(
      (status) => status.system.pid !== null && status.system.pid !== before.system.pid,
    );
    expect(pids(after)).toEqual(pids(before));
  });
});

describe('scale', () => {
  test('adds and takes away instances; the others go on', async () => {
    await using system = await rig.system({
      yaml: file({ web: { ...sleeper(1000), replicas: 2, ports: { http: 'auto' } } }),
    });
    await system.expect(0, ['up', '-d']);
    const before = pids(await system.status());
    await system.expect(0, ['scale', 'web=4']);
    const more = await system.status();
    expect(more.organs.map(({ instance, state }) => `${instance} ${state}`)).toEqual(
      ['web-1', 'web-2', 'web-3', 'web-4'].map((name) => `${name} ready`),
    );
    expect(new Set(more.organs.map(({ ports }) => ports.http)).size).toBe(4);
    await system.expect(0, ['scale', 'web=2']);
    const { organs } = await system.waitFor((status) => status.organs.length === 2);
    expect(new Map(organs.map(({ instance, pid }) => [instance, pid]))).toEqual(before);
  });

  test.each([
    [['nobody=2'], 'unknown organ nobody'],
    [['web'], 'not an organ and a number'],
    [['web=0'], 'web cannot have 0 instances'],
    [['web=3'], 'web cannot have 3 instances: one of them would be called web-3, as another organ is'],
  ])('refuses %j', async (words, why) => {
    await using system = await rig.system({ yaml: file({ web: sleeper(1000), 'web-3': sleeper(1000) }) });
    await system.expect(0, ['up', '-d']);
    expect((await system.expect(2, ['scale', ...words])).stderr).toContain(why);
  });
});
