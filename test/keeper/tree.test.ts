import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readStat } from '../../src/keeper/identity.ts';
import { parsePs } from '../../src/keeper/process-table.ts';
import { puppet, Rig } from './rig.ts';

const KINDS = ['plain', 'setsid', 'double-fork', 'ignores-term', 'setsid-ignores-term', 'emptied-environment'];

const lives = (pid: number): boolean => readStat(pid)?.dead === false;

async function sixKinds(rig: Rig) {
  const life = await rig.run([puppet('six-kinds.sh')]);
  const found = () =>
    new Map([...rig.log().matchAll(/^(\S+) (\d+)$/gm)].map(([, kind, pid]) => [kind!, Number(pid)] as const));
  await expect.poll(() => [...found().keys()].toSorted(), { timeout: 10_000 }).toEqual([...KINDS, 'leader'].toSorted());
  const pids = found();
  return { life, pids };
}

describe.each(['posix_spawn', 'child_process'])('%s', (kind) => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await Rig.start({ AZORA_SPAWNER: kind });
  });
  afterEach(() => rig.end());
  /** Without a subreaper nothing links an orphan of an emptied environment and another session to its origin. */
  const isFound = (name: string) => name !== 'emptied-environment' || rig.info.subreaper;

  test('finds a tree of six kinds, the leader first, and kills it to the last', async () => {
    const { life, pids } = await sixKinds(rig);
    const expected = [...pids].filter(([name]) => isFound(name)).map(([, pid]) => pid);
    const tree = await rig.channel.request('tree', life);
    expect(tree[0]).toMatchObject({ pid: life.pid, command: expect.stringContaining('six-kinds.sh') });
    expect(tree.map(({ pid }) => pid)).toEqual(expect.arrayContaining(expected));

    expect(await rig.channel.request('killTree', { ...life, timeoutMs: 5000 })).toEqual([]);
    expect(await rig.exitOf(life)).toMatchObject({ signal: 'SIGKILL', ours: true });
    expect(expected.filter(lives)).toEqual([]);
    for (const [name, pid] of pids) if (!isFound(name)) process.kill(pid, 'SIGKILL');
  });

  test('SIGTERM to the whole tree leaves those who ignore it, named; their orphans are found after the leader', async () => {
    const { life, pids } = await sixKinds(rig);
    const told = await rig.channel.request('signalTree', { ...life, signal: 'SIGTERM' });
    expect(told.map(({ pid }) => pid)).toContain(pids.get('double-fork'));
    expect(await rig.exitOf(life)).toMatchObject({ signal: 'SIGTERM', ours: true });
    const left = await rig.channel.request('awaitTreeGone', { ...life, timeoutMs: 200 });
    const left2 = left.map(({ pid }) => pid);
    expect(left2).toEqual(expect.arrayContaining([pids.get('ignores-term'), pids.get('setsid-ignores-term')]));
    expect(left2).not.toContain(pids.get('plain'));

    const gone = rig.channel.request('awaitTreeGone', { ...life, timeoutMs: 5000 });
    expect(await rig.channel.request('killTree', { ...life, timeoutMs: 5000 })).toEqual([]);
    expect(await gone).toEqual([]);
    const escaped = pids.get('emptied-environment')!;
    if (!isFound('emptied-environment')) process.kill(escaped, 'SIGKILL');
    else expect(lives(escaped)).toBe(false);
  });

  test('an end says whether nothing else is left, unless azora asked for it', async () => {
    const run = (instance: string, ...argv: [string, ...string[]]) => rig.run(argv, { instance });
    const toldOf = async (life: { pid: number }) => (await rig.heard('exited', ({ pid }) => pid === life.pid)).alone;
    expect(await toldOf(await run('single', 'true'))).toBe(kind === 'posix_spawn' ? true : undefined);

    const parent = await run('parent', 'sh', '-c', 'setsid sleep 1000 & exec sleep 1000');
    await expect.poll(async () => (await rig.channel.request('tree', parent)).length, { timeout: 10_000 }).toBe(2);
    process.kill(parent.pid, 'SIGKILL');
    expect(await toldOf(parent)).toBe(undefined);
    expect(await rig.channel.request('tree', parent)).toHaveLength(1);

    const asked = await run('asked', 'sleep', '1000');
    await rig.channel.request('signal', { ...asked, signal: 'SIGTERM' });
    expect(await toldOf(asked)).toBe(undefined);
  });

  test('a glance at all: who sleeps is said to, and whoever has run since, or has children, is not', async () => {
    const run = (instance: string, ...argv: [string, ...string[]]) => rig.run(argv, { instance });
    const sleeper = await run('sleeper', 'sleep', '1000');
    const waker = await run('waker', 'sh', '-c', 'kill -STOP $$; exec sleep 1000');
    const parent = await run('parent', 'sh', '-c', 'sleep 1000 & wait');
    const stopped = () => readFileSync(`/proc/${waker.pid}/stat`, 'latin1').split(' ')[2] === 'T';
    const glance = () => rig.channel.request('trees', { lives: [sleeper, waker, parent] });
    await expect.poll(stopped, { timeout: 10_000 }).toBe(true);
    const certain = kind === 'posix_spawn';
    const asBefore = async () => (await glance()).map((tree) => tree.map((each) => each.asBefore));
    await expect.poll(asBefore, { timeout: 10_000 }).toEqual([[certain], [certain], [false, false]]);
    const [asleep, , both] = await glance();
    expect(asleep).toEqual([{ pid: sleeper.pid, session: sleeper.pid, command: null, asBefore: certain }]);
    expect(both!.map(({ session }) => session)).toEqual([parent.pid, parent.pid]);

    process.kill(waker.pid, 'SIGCONT');
    await expect.poll(async () => (await asBefore())[1], { timeout: 10_000, interval: 1 }).toEqual([false]);
  });

  test('kills a fork bomb of 255 that changes sessions and ignores TERM', { timeout: 20_000 }, async () => {
    const life = await rig.run([puppet('fork-bomb.sh'), '7']);
    await rig.logged('bomb');
    expect(await rig.channel.request('killTree', { ...life, timeoutMs: 15_000 }, 20_000)).toEqual([]);
    expect(await rig.channel.request('tree', life)).toEqual([]);
    const left = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
    expect(left.filter((line) => line.includes(`${puppet('fork-bomb.sh')} `))).toEqual([]);
  });

  test('the tree is gone when its last process is, not when its leader is', async () => {
    const life = await rig.run(['sh', '-c', 'setsid sh -c "echo orphan; exec sleep 300" & sleep 0.1']);
    await rig.logged('orphan');
    await rig.exitOf(life);
    const [orphan] = await rig.channel.request('tree', life);
    expect(orphan?.command).toBe('sleep 300');
    const gone = rig.channel.request('awaitTreeGone', { ...life, timeoutMs: 5000 });
    process.kill(orphan!.pid);
    expect(await gone).toEqual([]);
    expect(lives(orphan!.pid)).toBe(false);
  });

  test('a signal goes to the whole group, or to the leader only', async () => {
    const script =
      'trap "echo leader heard" USR1; (trap "echo child heard; exit" USR1; echo set; while :; do sleep 0.02; done) & while :; do sleep 0.02; done';
    const life = await rig.run(['sh', '-c', script]);
    await rig.logged('set');
    await rig.channel.request('signal', { ...life, signal: 'SIGUSR1', leaderOnly: true });
    expect(await rig.logged('leader heard')).not.toContain('child heard');
    await rig.channel.request('signal', { ...life, signal: 'SIGUSR1' });
    await rig.logged('child heard');
  });
});

test('147 sleepers stop within the time of a few scans', async () => {
  const rig = await Rig.start();
  const all = await Promise.all(
    Array.from({ length: 147 }, (_, i) => rig.run(['sleep', '300'], { instance: `s-${i}`, organ: 's' })),
  );
  const begin = performance.now();
  const left = await Promise.all(
    all.map(async (life) => {
      await rig.channel.request('signal', { ...life, signal: 'SIGTERM' });
      return rig.channel.request('awaitTreeGone', { ...life, timeoutMs: 5000 });
    }),
  );
  const took = performance.now() - begin;
  expect(left.flat()).toEqual([]);
  expect(rig.notices.exited).toHaveLength(147);
  expect(took).toBeLessThan(1000); // 25 to 55 ms on a machine that has nothing else to do
  await rig.end();
});

test('the listing of ps says what /proc says', () => {
  const text = execFileSync('ps', ['-axo', 'pid,ppid,pgid,sess,stat,lstart,command'], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const row = parsePs(text).get(process.pid)!;
  const stat = readStat(process.pid)!;
  expect(row).toMatchObject({ parent: stat.parent, group: stat.group, session: stat.session, dead: false });
  expect(row.startTime).toMatch(/^\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}$/);
});
