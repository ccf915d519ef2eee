import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { watchLines } from '../../src/keeper/readiness.ts';
import { Rig } from './rig.ts';

describe.each(['posix_spawn', 'child_process'])('%s', (kind) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.start({ AZORA_SPAWNER: kind });
  });
  afterAll(() => rig.end());

  const ready = (generation: number) => rig.heard('signalledReady', (notice) => notice.generation === generation);

  test.each([3, 4, 17])('a newline on descriptor %i', async (fd) => {
    const script = `[ -e /proc/$$/fd/${fd} ] && echo >/dev/fd/${fd}; exec sleep 60`;
    const life = await rig.run(['bash', '-c', script], { instance: `fd-${fd}`, readiness: { kind: 'fd', fd } });
    expect(await ready(life.generation)).toMatchObject({ instance: `fd-${fd}`, detail: null });
    const lives = await rig.channel.request('lives', null);
    expect(lives.find(({ generation }) => generation === life.generation)).toMatchObject({ signalledReady: true });
  });

  test('process.send("ready"), and the channel stays open for what is sent later', async () => {
    const script = `process.send('not yet'); process.send('ready'); process.send({ later: true }, () => { console.log('sent'); process.exit(process.connected ? 5 : 6) })`;
    const life = await rig.run([process.execPath, '-e', script], {
      instance: 'ipc',
      readiness: { kind: 'ipc', message: 'ready' },
    });
    expect(await ready(life.generation)).toMatchObject({ instance: 'ipc' });
    expect(await rig.exitOf(life)).toMatchObject({ code: 5 });
  });

  test('a line of output, its colours removed, told once', async () => {
    const script = `printf 'listening on \\033[32mport 80\\033[0m\\nlistening on port 81\\n' >&2; exec sleep 60`;
    const life = await rig.run(['sh', '-c', script], {
      instance: 'log',
      readiness: { kind: 'log', pattern: '^listening on port \\d+$' },
    });
    expect(await ready(life.generation)).toMatchObject({ detail: 'listening on port 80' });
    expect(rig.notices.signalledReady.filter(({ generation }) => generation === life.generation)).toHaveLength(1);
  });

  test('a pattern that backtracks for ever does not hang the keeper', { timeout: 10_000 }, async () => {
    const life = await rig.run(['sh', '-c', `echo ${'a'.repeat(200)}b; echo ready; exec sleep 60`], {
      instance: 'slow',
      readiness: { kind: 'log', pattern: '^(a+)+$|^ready$' },
    });
    expect(await ready(life.generation)).toMatchObject({ detail: 'ready' });
  });
});

describe('lines', () => {
  const cases: [string, string, string[], string | null][] = [
    ['only complete ones', '^up$', ['up'], null],
    ['completed by a later chunk', '^up$', ['u', 'p', '\n'], 'up'],
    ['carriage returns removed', '^up$', ['up\r\n'], 'up'],
    ['a character split between chunks', '^ü$', ['\xc3', '\xbc\n'], 'ü'],
    [
      'a line without an end judged by its beginning',
      '^x+$',
      ['x'.repeat(100_000), `${'y'.repeat(10)}\n`],
      'x'.repeat(8192),
    ],
    ['the second of two', '^b$', ['a\nb\nc\n'], 'b'],
  ];
  test.each(cases)('%s', (_, pattern, chunks, expected) => {
    let heard: string | null = null;
    const tap = watchLines(pattern, (detail) => {
      heard = detail;
    });
    for (const chunk of chunks)
      tap(
        'out',
        Buffer.from(chunk, 'latin1').equals(Buffer.from(chunk)) ? Buffer.from(chunk) : Buffer.from(chunk, 'latin1'),
      );
    expect(heard).toBe(expected);
  });

  test('streams are not mixed', () => {
    const heard: (string | null)[] = [];
    const tap = watchLines('^ab$', (detail) => heard.push(detail));
    tap('out', Buffer.from('a'));
    tap('err', Buffer.from('b\n'));
    tap('out', Buffer.from('b\n'));
    tap('out', Buffer.from('ab\n'));
    expect(heard).toEqual(['ab']);
  });
});
