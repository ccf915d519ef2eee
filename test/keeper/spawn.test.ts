import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readStat } from '../../src/keeper/identity.ts';
import type { SpawnRequest } from '../../src/keeper/protocol.ts';
import { Rig } from './rig.ts';

describe.each(['posix_spawn', 'child_process'])('%s', (kind) => {
  let rig: Rig;
  let files: string;

  beforeAll(async () => {
    rig = await Rig.start({ AZORA_SPAWNER: kind });
    files = join(rig.folder.root, 'files');
    mkdirSync(files);
    const make = (name: string, text: string, mode: number) => {
      writeFileSync(join(files, name), text);
      chmodSync(join(files, name), mode);
    };
    make('not-executable', '#!/bin/sh\n', 0o644);
    make('bad-interpreter', '#!/usr/bin/pyton3\n', 0o755);
    make('windows', '#!/bin/sh\r\necho hi\r\n', 0o755);
    make('no-shebang', 'echo "run by sh: $1"\n', 0o755);
  });
  afterAll(() => rig.end());

  test('is the spawner in use', () => expect(rig.info.spawner).toBe(kind));

  const failures: [string, (files: string) => Partial<SpawnRequest>, string, RegExp][] = [
    ['a command that is not in the PATH', () => ({ argv: ['nosuch'] }), 'not-found', /^nosuch: not found in PATH \(/],
    [
      "the organ's own PATH, not the keeper's",
      () => ({ argv: ['sleep', '1'], env: { PATH: '/nowhere:/dev' } }),
      'not-found',
      /^sleep: not found in PATH \(\/nowhere:\/dev\)$/,
    ],
    [
      'a path that does not exist',
      () => ({ argv: ['./nosuch'], cwd: '/tmp' }),
      'not-found',
      /^\/tmp\/nosuch: no such file$/,
    ],
    ['a folder', () => ({ argv: ['/tmp'] }), 'not-executable', /^\/tmp: is a folder$/],
    ['an empty command', () => ({ argv: [''] }), 'not-found', /not found/],
    [
      'a file without the execute bit',
      (files) => ({ argv: [`${files}/not-executable`] }),
      'not-executable',
      /not executable \(mode 644\); chmod \+x/,
    ],
    [
      'an interpreter that does not exist',
      (files) => ({ argv: [`${files}/bad-interpreter`] }),
      'bad-interpreter',
      /names the interpreter \/usr\/bin\/pyton3, which does not exist$/,
    ],
    ['Windows line endings', (files) => ({ argv: [`${files}/windows`] }), 'bad-interpreter', /carriage return/],
    [
      'a cwd that does not exist',
      () => ({ argv: ['true'], cwd: '/nosuch' }),
      'bad-cwd',
      /^cwd \/nosuch: no such folder$/,
    ],
    [
      'a cwd that is a file',
      () => ({ argv: ['true'], cwd: '/etc/passwd' }),
      'bad-cwd',
      /^cwd \/etc\/passwd: not a folder$/,
    ],
    [
      'an environment beyond what the kernel takes',
      () => ({ argv: ['true'], env: { BIG: 'x'.repeat(3_000_000) } }),
      'too-big',
      /arguments and environment/,
    ],
    ['a NUL byte', () => ({ argv: ['true', 'a\0b'] }), 'other', /NUL byte/],
    [
      'a pattern that is no pattern',
      () => ({ argv: ['true'], readiness: { kind: 'log', pattern: '(' } }),
      'other',
      /Invalid regular expression/,
    ],
  ];

  test.each(failures)('refuses %s, and says so', async (_, change, reason, message) => {
    const { argv = ['true'], ...rest } = change(files);
    const result = await rig.channel.request('spawn', rig.request(argv, rest));
    expect(result).toMatchObject({ ok: false, reason, message: expect.stringMatching(message) });
    expect(await rig.channel.request('lives', null)).toEqual([]);
  });

  const ends: [string, string, { code: number | null; signal: string | null }][] = [
    ['exit 0', 'exit 0', { code: 0, signal: null }],
    ['exit 3', 'exit 3', { code: 3, signal: null }],
    ['exit 255', 'exit 255', { code: 255, signal: null }],
    ['a signal', 'kill -SEGV $$', { code: null, signal: 'SIGSEGV' }],
    ['SIGPIPE, which Node ignores and children must not', 'kill -PIPE $$; exit 9', { code: null, signal: 'SIGPIPE' }],
    ['SIGTERM of its own', 'kill -TERM $$', { code: null, signal: 'SIGTERM' }],
  ];

  test.each(ends)('reports %s', async (_, script, end) => {
    const life = await rig.run(['sh', '-c', script]);
    expect(await rig.exitOf(life)).toMatchObject({ ...end, pid: life.pid, ours: false });
    await rig.channel.request('forget', { lives: [life] });
    expect(await rig.channel.request('lives', null)).toEqual([]);
  });

  test('runs a text file without #! by sh, with its arguments', async () => {
    const life = await rig.run([join(files, 'no-shebang'), 'one two'], { instance: 'text', organ: 'text' });
    expect(await rig.exitOf(life)).toMatchObject({ code: 0 });
    expect(rig.log('text.out.log', 'text')).toBe('run by sh: one two\n');
  });

  test('knows when the kernel says each was started, in whichever hundredth of a second that was', async () => {
    const lives = [];
    for (let n = 0; n < 60; n++) lives.push(await rig.run(['sleep', '60'], { instance: `timed-${n}` }));
    const told = lives.map(({ startTime }) => startTime);
    expect(told).toEqual(lives.map(({ pid }) => readStat(pid)!.startTime));
    expect(new Set(told).size).toBeGreaterThan(1);
    await Promise.all(lives.map((life) => rig.channel.request('killTree', { ...life, timeoutMs: 3000 })));
  });

  test('gives the environment as it is, its folder, no input, a session and no descriptors of ours', async () => {
    const script =
      'env | sort; pwd; cat; cut -d" " -f5,6 /proc/$$/stat; ls /proc/$$/fd | tr "\\n" " "; echo; exec grep -E "SigIgn|SigBlk" /proc/self/status';
    const life = await rig.run(['/bin/sh', '-c', script], {
      instance: 'clean',
      organ: 'clean',
      cwd: '/usr',
      env: { X: 'ü \n"y"' },
    });
    await rig.exitOf(life);
    const lines = rig.log('clean.out.log', 'clean').split('\n');
    expect(lines.filter((line) => !/^(AZORA_COOKIE|PATH|PWD|OLDPWD|_|SHLVL)=/.test(line))).toEqual([
      '"y"',
      'X=ü ',
      '/usr',
      `${life.pid} ${life.pid}`,
      // Only posix_spawn can keep back what whoever started the keeper had left open.
      kind === 'posix_spawn' ? '0 1 2 ' : expect.stringMatching(/^0 1 2 /),
      'SigBlk:\t0000000000000000',
      'SigIgn:\t0000000000000000',
      '',
    ]);
  });

  test('answers a repeated request with the same process, and refuses a second beside a living one', async () => {
    const request = rig.request(['sleep', '60'], { instance: 'single', organ: 'single' });
    const [first, again] = await Promise.all([
      rig.channel.request('spawn', request),
      rig.channel.request('spawn', request),
    ]);
    expect(first).toMatchObject({ ok: true });
    expect(again).toEqual(first);
    expect(await rig.channel.request('spawn', request)).toEqual(first);
    const rival = rig.request(['sleep', '60'], { instance: 'single', organ: 'single' });
    expect(await rig.channel.request('spawn', rival)).toMatchObject({
      ok: false,
      message: /single \(pid \d+\) still runs/,
    });
    expect(await rig.channel.request('signal', { ...request, signal: 'SIGKILL' })).toBe(true);
    expect(await rig.exitOf(request)).toMatchObject({ signal: 'SIGKILL', ours: true, oomKilled: false });
    expect(await rig.channel.request('signal', { ...request, signal: 'SIGKILL' })).toBe(false);
  });
});
