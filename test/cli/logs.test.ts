import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Clock, LogWriter, temporaryFolder } from '../adapters/logs/writer.ts';
import { azora, type Run } from './run.ts';

let cwd: string;
beforeEach(() => {
  cwd = temporaryFolder();
  writeFileSync(
    join(cwd, 'azora.yaml'),
    'version: 1\norgans:\n  mint: { command: "true" }\n  elara: { command: "true" }\n',
  );
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const logs = (...args: string[]): Promise<Run> => azora(['logs', ...args], { cwd });
const writer = (organ: string, instance = organ, clock = new Clock(), stream: 'out' | 'err' = 'out'): LogWriter =>
  new LogWriter(join(cwd, '.azora', 'logs'), organ, instance, stream, clock);

/** mint-1 says `one` and (stderr) `two`, aegis says `three`, mint-2 says `four`: a minute apart, the last a minute ago. */
function write(): void {
  const now = Date.now();
  const clock = new Clock();
  const minutesAgo = (minutes: number): number => now - minutes * 60_000;
  writer('mint', 'mint-1', clock).append('one\n', minutesAgo(4));
  writer('mint', 'mint-1', clock, 'err').append('two\n', minutesAgo(3));
  writer('aegis').append('three\n', minutesAgo(2));
  writer('mint', 'mint-2').append('four\n', minutesAgo(1));
}

describe('azora logs', () => {
  it.each<[string[], string]>([
    [[], 'mint-1 | one\nmint-1 | two\naegis  | three\nmint-2 | four\n'],
    [['aegis'], 'aegis | three\n'],
    [['mint', 'aegis', '--no-prefix'], 'one\ntwo\nthree\nfour\n'],
    [['mint-2'], 'mint-2 | four\n'],
    [['--no-prefix', '-n', '1'], 'three\nfour\n'],
    [['--no-prefix', '--lines', '0'], ''],
    [['--no-prefix', '--since', '150s'], 'three\nfour\n'],
    [['--no-prefix', '--until', '150s'], 'one\ntwo\n'],
    [['--no-prefix', '--since', '2000-01-01', '--until', '2000-01-02T00:00:00.5+01:00'], ''],
    [['--no-prefix', '--grep', '^t\\w+e'], 'three\n'],
    [['--no-prefix', '--stderr'], 'two\n'],
    [['--no-prefix', '--stdout', 'mint'], 'one\nfour\n'],
    [['--no-prefix', '--stdout', '--stderr', 'mint'], 'one\ntwo\nfour\n'],
    [['--raw'], 'one\ntwo\nthree\nfour\n'],
    [['--raw', '--grep', 'o$'], 'two\n'],
  ])('%j', async (args, stdout) => {
    write();
    expect(await logs(...args)).toEqual({ code: 0, stdout, stderr: '' });
  });

  it('shows times, and objects', async () => {
    writer('mint').append('hi', Date.parse('2026-11-23T08:00:00.123Z'));
    expect((await logs('-t')).stdout).toBe('mint | 2026-11-23T08:00:00.123Z hi\n');
    expect((await logs('--json')).stdout).toBe(
      '{"ts":"2026-11-23T08:00:00.123Z","organ":"mint","instance":"mint","stream":"stdout","line":"hi","partial":true}\n',
    );
    expect((await logs('--until', '2026-11-23T08:00:00.123Z')).stdout).toBe('mint | hi\n');
    expect((await logs('--until', '2026-11-23T08:00:00.122Z')).stdout).toBe('');
  });

  it('finds text through colours, as it is shown', async () => {
    writer('mint').append('\x1b[31mERR\x1b[0mOR\n', Date.now());
    expect((await logs('--grep', 'ERROR')).stdout).toBe('mint | ERROR\n');
    expect((await logs('--grep', 'x1b|31m')).stdout).toBe('');
  });

  it('shows the life before', async () => {
    const out = writer('mint');
    expect(await logs('--previous', 'mint')).toMatchObject({ code: 0, stdout: '' });
    for (const life of ['first', 'second']) {
      out.startLife(Date.now());
      out.append(`${life}\n`, Date.now());
    }
    expect((await logs('--previous')).stdout).toBe('mint | first\n');
    rmSync(join(cwd, '.azora'), { recursive: true });
    writer('mint').append('x\n', Date.now());
    expect((await logs('--previous')).stderr).toContain('no life before');
  });

  it('needs no azora.yaml that is right, nor one at all where the state folder is named', async () => {
    write();
    writeFileSync(join(cwd, 'azora.yaml'), 'organs: [[[');
    expect((await logs('aegis')).stdout).toBe('aegis | three\n');
    expect(await logs('never')).toMatchObject({ code: 2 });
    rmSync(join(cwd, 'azora.yaml'));
    expect((await logs('--state-dir', '.azora', 'aegis')).stdout).toBe('aegis | three\n');
  });

  it.each<[string[], string]>([
    [['mnt'], 'Did you mean mint?'],
    [['elaar'], 'Did you mean elara?'],
    [['-n', '-1'], 'It is a number of lines'],
    [['--since', 'yesterday'], 'It is a time'],
    [['--since', '2026-13-01'], 'It is a time'],
    [['--since', '1m', '--until', '2m'], '--since is later than --until'],
    [['--grep', '('], 'Invalid regular expression'],
    [['--raw', '--json'], "'--raw' cannot be used with option '--json'"],
    [['--raw', '-t'], 'cannot be used with'],
    [['--previous', '-f'], 'cannot be used with'],
  ])('refuses %j', async (args, message) => {
    write();
    const run = await logs(...args);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain(message);
    expect(run.stdout).toBe('');
  });

  it('says where it looked when there is nothing yet, also of an organ that is only declared', async () => {
    expect(await logs()).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('nothing has been logged yet'),
    });
    write();
    const stderr = expect.stringContaining('elara has written nothing yet');
    expect(await logs('elara')).toMatchObject({ code: 0, stdout: '', stderr });
  });
});

describe('azora logs --follow', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGPIPE', 0],
  ] as const)('goes on with what comes until %s, then ends quietly', async (signal, code) => {
    write();
    const running = azora(['logs', '-f', '-n', '1', 'mint'], { cwd });
    await running.said('four');
    writer('mint', 'mint-10').append('five\n', Date.now());
    await running.said('five');
    running.signal(signal);
    expect(await running).toEqual({ code, stdout: 'mint-2 | four\nmint-10 | five\n', stderr: '' });
  });

  it('follows as objects and as bytes, and ends by itself at --until', async () => {
    write();
    const objects = azora(['logs', '-f', '--json', 'aegis'], { cwd });
    await objects.said('"line":"three"}\n');
    objects.signal('SIGINT');
    expect((await objects).code).toBe(130);
    const until = new Date(Date.now() + 50).toISOString();
    expect(await logs('-f', '--raw', 'mint', '--until', until)).toEqual({
      code: 0,
      stdout: 'one\ntwo\nfour\n',
      stderr: '',
    });
  });
});
