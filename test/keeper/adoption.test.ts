import { chmodSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readStat } from '../../src/keeper/identity.ts';
import { puppet, Rig } from './rig.ts';

describe.each(['posix_spawn', 'child_process'])('%s', (kind) => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await Rig.start({ AZORA_SPAWNER: kind });
  });
  afterEach(() => rig.end());

  test('after the death of a keeper its successor adopts what lives, reads on, and knows what ended', async () => {
    const talker = await rig.run(['sh', '-c', 'i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.02; done']);
    const seen = await rig.run(['sh', '-c', 'exit 3'], { instance: 'seen', organ: 'seen' });
    expect(await rig.exitOf(seen)).toMatchObject({ seq: 1 });
    const sleeper = await rig.run(['sleep', '60'], { instance: 'sleeper', organ: 'sleeper' });
    await rig.logged('line 3\n');

    await rig.killKeeper();
    process.kill(sleeper.pid, 'SIGKILL'); // ends while nobody looks
    expect(readStat(talker.pid)?.dead).toBe(false);
    await rig.startKeeper();

    const lives = await rig.channel.request('lives', null);
    const byName = new Map(lives.map((life) => [life.instance, life]));
    expect(byName.get('mint')).toMatchObject({ pid: talker.pid, adopted: true, exit: null, startedAt: talker.at });
    expect(byName.get('seen')).toMatchObject({ adopted: false, exit: { code: 3, seq: 1 } });
    expect(byName.get('sleeper')?.exit).toMatchObject({ code: null, signal: null, pid: sleeper.pid });

    // Not a line is missing: the organ waited with at most a FIFO full.
    const last = Number(/line (\d+)\n$/.exec(rig.log())?.[1] ?? 0) + 3;
    const text = await rig.logged(`line ${last}\n`);
    expect(text.startsWith(Array.from({ length: last }, (_, i) => `line ${i + 1}\n`).join(''))).toBe(true);

    expect(await rig.channel.request('signal', { ...talker, signal: 'SIGTERM' })).toBe(true);
    expect(await rig.exitOf(talker)).toMatchObject({ code: null, signal: null, pid: talker.pid });
    expect(await rig.channel.request('awaitTreeGone', { ...talker, timeoutMs: 5000 })).toEqual([]);
    const seqs = (await rig.channel.request('lives', null)).map(({ exit }) => exit!.seq);
    expect(new Set(seqs).size).toBe(seqs.length);
  });

  test('escaped descendants of an adopted life are found', async () => {
    const life = await rig.run([puppet('six-kinds.sh')]);
    for (const name of ['leader', 'emptied-environment', 'double-fork', 'setsid ']) await rig.logged(name);
    const pids = [...rig.log().matchAll(/^(\S+) (\d+)$/gm)].map(([, name, pid]) => ({ name, pid: Number(pid) }));
    const subreaper = rig.info.subreaper;
    await rig.killKeeper();
    await rig.startKeeper();
    expect(await rig.channel.request('killTree', { ...life, timeoutMs: 5000 })).toEqual([]);
    await rig.exitOf(life);
    for (const { name, pid } of pids) {
      if (name === 'emptied-environment' && !subreaper) process.kill(pid, 'SIGKILL');
      else expect(readStat(pid)?.dead ?? true, name).toBe(true);
    }
  });

  test('a readiness line that comes after the change of keepers is heard', async () => {
    const life = await rig.run(['sh', '-c', 'trap "echo up" USR1; echo set; while :; do sleep 0.02; done'], {
      readiness: { kind: 'log', pattern: '^up$' },
    });
    await rig.logged('set');
    await rig.killKeeper();
    await rig.startKeeper();
    await rig.channel.request('signal', { ...life, signal: 'SIGUSR1', leaderOnly: true });
    expect(await rig.heard('signalledReady')).toMatchObject({ instance: 'mint', detail: 'up' });
  });

  test('output is read on where the name of the FIFO was swept away', async () => {
    const life = await rig.run(['sh', '-c', 'trap "echo heard" USR1; echo set; while :; do sleep 0.02; done']);
    await rig.logged('set');
    await rig.killKeeper();
    rmSync(readlinkSync(`${rig.folder.run}/fifos`), { recursive: true });
    await rig.startKeeper();
    await rig.channel.request('signal', { ...life, signal: 'SIGUSR1', leaderOnly: true });
    await rig.logged('heard');
    expect(rig.stderr).toBe('');
  });

  test('lives of another boot of the machine, and other processes under old numbers, are not touched', async () => {
    const life = await rig.run(['sleep', '60']);
    await rig.killKeeper();
    const journal = readFileSync(rig.folder.journal, 'utf8');
    writeFileSync(rig.folder.journal, journal.replace(/"machineBootId":"[^"]*"/, '"machineBootId":"another"'));
    await rig.startKeeper();
    expect(await rig.channel.request('lives', null)).toMatchObject([{ exit: { code: null, signal: null } }]);
    await rig.killKeeper();

    // The number is the same, the process is another: it started at another time and carries another cookie.
    const another = journal
      .replaceAll(`"startTime":"${life.startTime}"`, '"startTime":"1"')
      .replaceAll('cookie-', 'another-');
    writeFileSync(rig.folder.journal, another);
    await rig.startKeeper();
    expect(await rig.channel.request('lives', null)).toMatchObject([{ exit: { code: null, signal: null } }]);
    expect(await rig.channel.request('signal', { ...life, signal: 'SIGKILL' })).toBe(false);
    expect(readStat(life.pid)?.dead).toBe(false);
    process.kill(life.pid, 'SIGKILL');
  });

  test('a spawn of which the journal knows only the beginning is found by its cookie, or was none', async () => {
    const life = await rig.run(['sleep', '60']);
    await rig.killKeeper();
    const lines = readFileSync(rig.folder.journal, 'utf8').split('\n');
    const unborn = lines
      .find((line) => line.includes('"spawning"'))!
      .replaceAll('mint', 'unborn')
      .replace('cookie-', 'other-');
    writeFileSync(rig.folder.journal, [...lines.filter((line) => !line.includes('"spawned"')), unborn, ''].join('\n'));
    await rig.startKeeper();
    expect(await rig.channel.request('lives', null)).toMatchObject([
      { instance: 'mint', pid: life.pid, startTime: life.startTime, adopted: true, exit: null },
    ]);
  });
});

test('a second keeper goes away quietly', async () => {
  const rig = await Rig.start();
  const first = rig.keeper;
  const second = new Rig({}, rig.flags);
  rmSync(second.folder.root, { recursive: true });
  Object.assign(second, { folder: rig.folder });
  await second.startKeeper();
  await new Promise((resolve) =>
    second.keeper.exitCode === null ? second.keeper.once('exit', resolve) : resolve(null),
  );
  expect(second.keeper.exitCode).toBe(0);
  expect(second.stderr).toBe('');
  expect(second.info.pid).toBe(first.pid);
  await second.channel.request('lives', null);
  rig.channel.destroy();
  second.channel.destroy();
  await rig.end();
});

test('a FIFO folder of somebody else is not used, and one that was swept is made again', async () => {
  const rig = await Rig.start();
  const fifos = readlinkSync(`${rig.folder.run}/fifos`);
  rmSync(fifos, { recursive: true });
  await rig.exitOf(await rig.run(['echo', 'made again']));
  expect(rig.log()).toBe('made again\n');
  chmodSync(fifos, 0o777);
  const refused = await rig.channel.request('spawn', rig.request(['echo', 'no']));
  expect(refused).toMatchObject({ ok: false, message: expect.stringContaining('not a private folder') });
  chmodSync(fifos, 0o700);
  await rig.end();
});
