import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { explainErrno } from '../../src/keeper/command.ts';
import { parseStat, readStat } from '../../src/keeper/identity.ts';
import { KEEPER_PROTOCOL } from '../../src/keeper/protocol.ts';
import { puppet, Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.start();
});
afterEach(() => rig.end());

test('does not end while something runs, and names it; then leaves nothing behind', async () => {
  const life = await rig.run([puppet('six-kinds.sh')]);
  await rig.logged('setsid-ignores-term');
  await rig.logged('emptied-environment');
  await expect(rig.channel.request('shutdown', null)).rejects.toThrow(`mint (pid ${life.pid})`);
  const fifos = readlinkSync(join(rig.folder.run, 'fifos'));
  expect(readdirSync(fifos)).toEqual(['mint.err.fifo', 'mint.out.fifo']);

  await rig.channel.request('signal', { ...life, signal: 'SIGKILL', leaderOnly: true });
  await rig.exitOf(life);
  const left = await rig.channel.request('tree', life);
  expect(left).not.toHaveLength(0);
  await rig.channel.request('forget', { lives: [life] }); // nobody remembers whose they are
  const gone = once(rig.keeper, 'exit');
  expect(await rig.channel.request('shutdown', null)).toBe(null);
  expect(await gone).toEqual([0, null]);
  expect(left.filter(({ pid }) => readStat(pid)?.dead === false)).toEqual([]);
  expect(existsSync(fifos)).toBe(false);
  expect(readdirSync(rig.folder.run)).toEqual(['keeper.lock']);
});

test('socket, FIFOs, journal and logs are for this user only', async () => {
  await rig.exitOf(await rig.run(['echo', 'hello']));
  const paths = [
    rig.folder.keeperSocket,
    rig.folder.journal,
    join(rig.folder.run, 'fifos', 'mint.out.fifo'),
    join(rig.folder.logs, 'mint', 'mint.out.log'),
    join(rig.folder.logs, 'mint', 'mint.out.idx'),
  ];
  for (const path of paths) expect(lstatSync(path).mode & 0o777, path).toBe(0o600);
  for (const path of [rig.folder.run, join(rig.folder.run, 'fifos'), join(rig.folder.logs, 'mint')]) {
    expect(statSync(path).mode & 0o777, path).toBe(0o700);
  }
});

test('a second supervisor takes the place of the first, and hears what happens from then on', async () => {
  const first = rig.channel;
  await rig.connect();
  await expect.poll(() => first.closed).toBe(true);
  const life = await rig.run(['true']);
  await rig.exitOf(life);
  expect(rig.notices.exited).toHaveLength(1);
});

test('a life that ended is told again to whoever asks, until it is forgotten', async () => {
  const life = await rig.run(['sh', '-c', 'exit 9']);
  const { alone, ...exit } = await rig.exitOf(life);
  expect(alone).toBe(true); // of the moment, and not of the record
  expect(await rig.channel.request('lives', null)).toMatchObject(
    [{ ...life, ok: undefined, at: undefined, exit }].map(({ ok: _, at: __, ...rest }) => rest),
  );
  await rig.channel.request('forget', { lives: [life] });
  expect(await rig.channel.request('lives', null)).toEqual([]);
  await expect.poll(() => readdirSync(join(rig.folder.run, 'fifos'))).toEqual([]);
});

test('what instances inherit goes under their own environment, and ends with the supervisor that said it', async () => {
  await rig.channel.request('inherit', { env: { SHARED: 'one', OVER: 'two', PATH: '/nowhere' } });
  const print = ['sh', '-c', 'echo "$1: $SHARED $OVER $AZORA_COOKIE."', 'sh'] as const;
  const { generation } = await rig.run([...print, 'inherited'], { env: { OVER: 'own' } });
  expect(await rig.logged('inherited')).toContain(`inherited: one own cookie-${generation}-${rig.folder.root}.\n`);
  await rig.connect();
  await rig.run([...print, 'another']);
  expect(await rig.logged('another')).toContain('another:   cookie-');
});

test('refuses what it does not know', async () => {
  await expect(rig.channel.request('signal', { instance: 'x', generation: 1, signal: 'SIGTERM' })).resolves.toBe(false);
  const life = await rig.run(['sleep', '60']);
  await expect(rig.channel.request('signal', { ...life, signal: 'SIGNOTHING' })).rejects.toThrow(
    'unknown signal SIGNOTHING',
  );
  await expect(rig.channel.request('hello', { protocol: 99, version: '9.9', role: 'supervisor' })).rejects.toThrow(
    `protocol ${KEEPER_PROTOCOL} (`,
  );
  expect(await rig.channel.request('ensureSupervisor', null)).toEqual({ pid: process.pid });
});

test('SIGTERM and SIGHUP are not followed while something runs, and end an idle keeper', async () => {
  const life = await rig.run(['sleep', '60']);
  rig.keeper.kill('SIGHUP');
  rig.keeper.kill('SIGTERM');
  await expect.poll(() => rig.stderr).toContain('SIGTERM is not followed');
  await rig.channel.request('signal', { ...life, signal: 'SIGKILL' });
  await rig.exitOf(life);
  const gone = once(rig.keeper, 'exit');
  rig.keeper.kill('SIGTERM');
  expect(await gone).toEqual([0, null]);
});

test('the stat of a process whose name is meant to mislead', () => {
  const text = `77 (a) S (1 2 3) R 5 6 7 ${'0 '.repeat(13)}3 0 4711 0`;
  expect(parseStat(77, text)).toMatchObject({
    name: 'a) S (1 2 3',
    parent: 5,
    group: 6,
    session: 7,
    dead: false,
    startTime: '4711',
  });
  expect(parseStat(77, text.replace(') R 5', ') Z 5'))).toMatchObject({ dead: false }); // its other threads live
  expect(parseStat(77, text.replace(') R 5', ') Z 5').replace('3 0 4711', '1 0 4711'))).toMatchObject({ dead: true });
});

test.each([
  ['EAGAIN', 'again'],
  ['EMFILE', 'again'],
  ['ENOMEM', 'again'],
  ['E2BIG', 'too-big'],
  ['ENOENT', 'bad-interpreter'],
  ['ENOEXEC', 'not-executable'],
  ['EIO', 'other'],
])('%s of the kernel is "%s"', (code, reason) => {
  expect(explainErrno(code, '/bin/x', 5)).toMatchObject({ ok: false, code, reason });
});
