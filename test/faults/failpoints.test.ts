import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FAILPOINTS, type Failpoint } from '../../src/adapters/failpoint.ts';
import { quiet } from '../e2e/rig/organs.ts';
import { rig, type System } from '../e2e/rig.ts';
import { instanceIn, kill, query } from './support.ts';

/**
 * The supervisor or the keeper is killed at every place of the lifecycle that has a name, while a system goes through all of it: boot with
 * steps, probes, verify and checks; an organ that dies; stop, start and restart; down. Whatever the place, the commands do what
 * they promise, nothing runs twice, and nothing is left.
 */

/** Places that are passed many times, and at which of these times it strikes too, in the full form. */
const LATER: Partial<Record<Failpoint, readonly number[]>> = {
  'supervisor:before-effects': [2, 5, 9, 14, 20],
  'supervisor:after-effects': [2, 5, 9, 14, 20],
  'supervisor:recorded': [2, 5, 9, 14, 20],
  'supervisor:boot-committed': [2, 3, 5],
  'supervisor:spawned': [2, 3],
  'supervisor:before-spawn': [2, 3],
  'supervisor:tree-gone': [2, 3, 4],
  'supervisor:exit-heard': [2, 3],
  'keeper:spawned': [2, 3],
  'keeper:exit-journalled': [2, 3],
  'keeper:signalled': [2, 3],
};

/** Places on the way of whoever takes over from one that died. */
const AFTER_A_DEATH: Partial<Record<Failpoint, 'supervisor' | 'keeper'>> = {
  'supervisor:recalled': 'supervisor',
  'supervisor:reconciled': 'supervisor',
  'supervisor:keeper-lost': 'keeper',
};

/** Places that only `down` passes. */
const AT_THE_END = [
  ...FAILPOINTS.slice(FAILPOINTS.indexOf('supervisor:halt-begun'), FAILPOINTS.indexOf('keeper:locked')),
  ...FAILPOINTS.slice(FAILPOINTS.indexOf('keeper:shutdown-heard')),
];

const cases = FAILPOINTS.flatMap((name) =>
  [1, ...(rig.full ? (LATER[name] ?? []) : [])].map((time) => ({ name, time })),
);

describe.concurrent('killed at', () => {
  test.for(cases)('$name, time $time', { timeout: 120_000 }, async ({ name, time }, { expect }) => {
    const mark = join(tmpdir(), `azora-failpoint-${randomBytes(8).toString('hex')}`);
    const hasStruck = () => existsSync(mark);
    await using system = await rig.system({
      concurrent: true,
      yaml: {
        boot: { steps: [{ name: 'base', organs: ['db'] }] },
        checks: [{ name: 'there', exec: 'true' }],
        organs: {
          db: ledgered('db', { verify: [{ name: 'answers', exec: 'true' }] }),
          web: ledgered('web', { depends_on: ['db'], health: { exec: 'test -e ready-web', interval: '1s' } }),
          free: ledgered('free', { health: undefined }),
          once: { kind: 'task', command: ': >>once-ran; exit 0' },
          frail: {
            // It leaves somebody behind, who has to be killed before it starts again.
            command: 'if [ -e frail-died ]; then exec sleep 1000; fi; : >frail-died; sleep 1000 & sleep 0.3; exit 7',
            restart: { delay: '50ms', jitter: 0 },
          },
        },
      },
      env: { AZORA_TEST: '1', AZORA_FAILPOINT: `${name}@${time}`, AZORA_FAILPOINT_MARK: mark },
    });
    const run = (...args: string[]) => system.run(args, { timeoutMs: 60_000 });

    let up = await run('up', '-d');
    const unseen = name.startsWith('keeper:') && up.code === 1;
    // A keeper that dies before it listens to anybody has nobody who would start another: the command says so, and may be typed again.
    if (up.code === 4 && name.startsWith('keeper:')) up = await run('up', '-d');
    if (unseen) {
      // It ended while there was no keeper, or one that did not live to write it down: nobody can know how.
      expect(up.stderr).toContain('once failed: ended while nobody could see how');
      up = await run('restart', 'once');
    }
    expect(up.code, up.stderr).toBe(0);
    await system.waitFor(({ organs }) => instanceIn({ organs } as never, 'frail').restarts >= 1);
    const first = AFTER_A_DEATH[name];
    if (first) await kill(system, first);
    if (first === 'keeper') await expect.poll(hasStruck).toBe(true); // then neither of the two is left
    if (first === 'keeper') await run('status');
    const before = await system.waitFor(
      ({ organs, system: whole }) =>
        whole.phase === 'ready' && organs.every(({ state }) => state === 'ready' || state === 'completed'),
    );
    expect(instanceIn(before, 'once').exit?.code).toBe(0);
    expectOneEach(system);

    expect((await run('stop', 'web')).code).toBe(0);
    expect((await run('status')).code).toBe(0);
    expect(instanceIn(await system.status(), 'web')).toMatchObject({ state: 'stopped', desired: 'down' });
    expect((await run('start', 'web')).code).toBe(0);
    expect((await run('restart', 'free')).code).toBe(0);
    await system.waitFor(({ organs }) => organs.every(({ state }) => state === 'ready' || state === 'completed'));
    expectOneEach(system);

    if (!AT_THE_END.includes(name)) await expect.poll(hasStruck, { timeout: 10_000 }).toBe(true);
    const down = await run('down');
    expect(down.code, down.stderr).toBe(0);
    await system.expectNothingLeft();
    expect(existsSync(system.state.bootDocument), 'the boot document is gone').toBe(false);
    expect(hasStruck(), `${name} was passed`).toBe(true);
    rmSync(mark);

    // Of each boot: ready once, and the death of the frail one known by its code.
    const ready = query<{ n: number }>(system, "select count(*) n from events where type = 'system-ready'")[0]!.n;
    expect(ready).toBe(1);
    if (!name.startsWith('keeper:')) {
      const codes = query<{ code: number }>(
        system,
        "select code from exits where instance = 'frail' and code is not null",
      );
      expect(codes).toEqual([{ code: 7 }]);
    }
  });
});

/** Ready by its first line; says who it is in a ledger of its own, and who is there already. */
function ledgered(name: string, more: object): object {
  return quiet({ command: [rig.program('keeps-a-ledger.sh'), name], ...more });
}

/** Of each organ the latest life runs, and no other; none was started twice under one cookie. */
function expectOneEach(system: System): void {
  for (const name of ['db', 'web', 'free']) {
    const lives = readFileSync(system.path(`ledger-${name}`), 'utf8')
      .trim()
      .split('\n');
    const alive = lives.filter((line) => system.isAlive(Number(line.split(' ')[0])));
    expect(alive, `${name}: ${lives.join(', ')}`).toHaveLength(1);
    expect(alive[0]).toBe(lives.at(-1));
    expect(new Set(lives.map((line) => line.split(' ')[1])).size).toBe(lives.length);
  }
}
