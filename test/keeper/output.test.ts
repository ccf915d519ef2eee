import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { indexName, logName, RECORD_BYTES, readRecord } from '../../src/adapters/logs/format.ts';
import { Compressor } from '../../src/keeper/compress.ts';
import { LogClock, LogFile } from '../../src/keeper/log-file.ts';
import { LIMITS, puppet, Rig } from './rig.ts';

const records = (path: string) => {
  const bytes = readFileSync(path);
  expect(bytes.length % RECORD_BYTES).toBe(0);
  return Array.from({ length: bytes.length / RECORD_BYTES }, (_, i) => readRecord(bytes, i * RECORD_BYTES));
};

describe('a real organ', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await Rig.start();
  });
  afterEach(() => rig.end());

  const all = (stream = 'out') =>
    rig
      .logFiles()
      .filter((name) => name.includes(`.${stream}.`) && name.endsWith('.log'))
      .sort((a, b) => Number(/\d{8}/.exec(a)?.[0] ?? Infinity) - Number(/\d{8}/.exec(b)?.[0] ?? Infinity))
      .map((name) => readFileSync(join(rig.folder.logs, 'mint', name)));

  test('an exit is told after the last of the output is on the disk', async () => {
    for (let round = 0; round < 10; round++) {
      const life = await rig.run(['sh', '-c', 'head -c 60000 /dev/zero | tr "\\0" x; echo end >&2']);
      await rig.exitOf(life);
      expect(rig.log()).toHaveLength(60_000 * (round + 1));
      expect(rig.log('mint.err.log')).toBe('end\n'.repeat(round + 1));
    }
    const starts = records(join(rig.folder.logs, 'mint', 'mint.out.idx')).filter(({ lifeStarts }) => lifeStarts);
    expect(starts.map(({ offset }) => offset)).toEqual(Array.from({ length: 10 }, (_, i) => i * 60_000));
  });

  test('an organ that says nothing has no files; the mark of a life comes with its first word', async () => {
    await rig.exitOf(await rig.run(['true']));
    expect(existsSync(join(rig.folder.logs, 'mint'))).toBe(false);
    for (const word of ['first', '', 'second']) {
      await rig.exitOf(await rig.run(['sh', '-c', word && `echo ${word}`]));
    }
    expect(rig.log()).toBe('first\nsecond\n');
    const starts = records(join(rig.folder.logs, 'mint', 'mint.out.idx')).filter(({ lifeStarts }) => lifeStarts);
    expect(starts.map(({ offset }) => offset)).toEqual([0, 6, 6]);
  });

  test('an exit does not wait for a grandchild that holds the output and writes on', async () => {
    const life = await rig.run([puppet('leaves-a-writer.sh')]);
    expect(await rig.exitOf(life)).toMatchObject({ code: 7 });
    expect(rig.log()).toContain('last words\n');
    await rig.logged('still here');
    const lengthThen = rig.log().length;
    await rig.channel.request('forget', { lives: [] });
    await rig.logged('still here\n'.repeat(Math.ceil(lengthThen / 11) + 3)); // it is still read
    await rig.channel.request('killTree', { ...life, timeoutMs: 3000 });
  });

  test('a flood loses no line over many rotations', { timeout: 20_000 }, async () => {
    const lines = 400_000;
    const life = await rig.run([process.execPath, puppet('numbered-flood.mjs'), String(lines)], {
      logs: { ...LIMITS, maxSize: 300_000, maxFiles: 1000 },
    });
    await rig.exitOf(life);
    const files = all();
    expect(files.length).toBeGreaterThan(60);
    for (const file of files) expect(file.length).toBeLessThanOrEqual(300_000);
    const numbers = Buffer.concat(files).toString('latin1').trimEnd().split('\n');
    expect(numbers).toHaveLength(lines);
    expect(numbers.findIndex((text, n) => Number(text.slice(0, 9)) !== n)).toBe(-1);
    for (const name of rig.logFiles().filter((name) => name.endsWith('.idx') && name.includes('.out.'))) {
      expect(records(join(rig.folder.logs, 'mint', name))[0]?.offset ?? 0).toBe(0);
    }
  });

  test('maxFiles are kept, the newest, one of them being written', async () => {
    const life = await rig.run([process.execPath, puppet('numbered-flood.mjs'), '20000'], {
      logs: { ...LIMITS, maxSize: 100_000, maxFiles: 3 },
    });
    await rig.exitOf(life);
    expect(rig.logFiles().filter((name) => /out.*\.log$/.test(name))).toHaveLength(3);
    expect(rig.logFiles().filter((name) => /out.*\.idx$/.test(name))).toHaveLength(3);
    const text = Buffer.concat(all()).toString('latin1');
    expect(text).toContain('000019999');
    expect(text).not.toContain('000000000');
  });

  test.each(['zstd', 'gzip'] as const)(
    'rotated files are compressed (%s), whole',
    { timeout: 20_000 },
    async (compress) => {
      const life = await rig.run([process.execPath, puppet('numbered-flood.mjs'), '20000'], {
        logs: { ...LIMITS, maxSize: 300_000, maxFiles: 100, compress },
      });
      await rig.exitOf(life);
      const plain = () => rig.logFiles().filter((name) => /out\.\d+\.log$|tmp$/.test(name));
      for (const end = Date.now() + 10_000; plain().length > 0 && Date.now() < end; ) {
        await new Promise((resolve) => setTimeout(resolve, 20)); // files have no events worth relying on
      }
      expect(plain()).toEqual([]);
      const rotated = rig.logFiles().filter((name) => /out\.\d+\.log\.(zst|gz)$/.test(name));
      expect(rotated.length).toBeGreaterThan(2);
      const text = rotated
        .map((name) => readFileSync(join(rig.folder.logs, 'mint', name)))
        .map((bytes) => (compress === 'zstd' ? zstdDecompressSync(bytes) : gunzipSync(bytes)).toString('latin1'))
        .join('');
      const numbers = (text + rig.log()).trimEnd().split('\n');
      expect(numbers).toHaveLength(20_000);
      expect(numbers.findIndex((line, n) => Number(line.slice(0, 9)) !== n)).toBe(-1);
    },
  );

  test('merge puts both streams into one log, in order', async () => {
    const life = await rig.run(['sh', '-c', 'for i in 1 2 3; do echo out $i; echo err $i >&2; done'], {
      logs: { ...LIMITS, merge: true },
    });
    await rig.exitOf(life);
    expect(rig.log()).toBe('out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n');
    expect(rig.logFiles()).toEqual(['mint.out.idx', 'mint.out.log']);
  });

  test('both streams can be merged in the order in which they were read', async () => {
    const script = 'for i in 1 2 3 4 5; do echo "out $i"; sleep 0.01; echo "err $i" >&2; sleep 0.01; done';
    await rig.exitOf(await rig.run(['sh', '-c', script]));
    const pieces = ['out', 'err'].flatMap((stream) => {
      const text = rig.log(`mint.${stream}.log`);
      const index = records(join(rig.folder.logs, 'mint', `mint.${stream}.idx`));
      return index.map(({ offset, time }, i) => ({ time, text: text.slice(offset, index[i + 1]?.offset) }));
    });
    const times = pieces.map(({ time }) => time).sort();
    expect(new Set(times).size).toBe(times.length);
    const merged = pieces.sort((a, b) => a.time - b.time).map(({ text }) => text);
    expect(merged.join('')).toBe(Array.from({ length: 5 }, (_, i) => `out ${i + 1}\nerr ${i + 1}\n`).join(''));
  });

  test('the disk of one organ is full: it runs on, the loss is told, others are not harmed', async () => {
    const folder = join(rig.folder.logs, 'mint');
    mkdirSync(folder);
    symlinkSync('/dev/full', join(folder, 'mint.out.log')); // refuses every write as a full disk does
    const marker = join(rig.folder.root, 'marker');
    const script = 'head -c 5000000 /dev/zero; : >"$0"; while :; do echo again; sleep 0.05; done';
    await rig.run(['sh', '-c', script, marker]);
    const told = await rig.heard('logTrouble');
    expect(told).toMatchObject({
      instance: 'mint',
      message: expect.stringMatching(/mint\.out\.log: no space left on the disk/),
    });
    await rig.exitOf(await rig.run(['echo', 'fine'], { instance: 'other', organ: 'other' }));
    expect(rig.log('other.out.log', 'other')).toBe('fine\n');
    for (const end = Date.now() + 5000; !existsSync(marker) && Date.now() < end; )
      await rig.channel.request('lives', null);
    expect(existsSync(marker)).toBe(true); // it was never made to wait for the disk

    rmSync(join(folder, 'mint.out.log'));
    await rig.heard('logRecovered');
    expect(await rig.logged('again')).toMatch(/^(again\n)+$/);
    const lost = rig.notices.logTrouble.reduce((sum, { lostBytes }) => sum + lostBytes, 0);
    expect(lost).toBeGreaterThanOrEqual(5_000_000);
    expect(lost % 6).toBe(5_000_000 % 6);
  });

  test.each([
    ['removed', (folder: string) => rmSync(folder, { recursive: true })],
    ['moved', (folder: string) => renameSync(folder, `${folder}-old`)],
    ['truncated', (folder: string) => truncateSync(join(folder, 'mint.out.log'), 0)],
  ])('a log that is %s while it is written is begun anew, and that is told', async (_, harm) => {
    await rig.run(['sh', '-c', 'i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.02; done']);
    await rig.logged('line 5\n');
    harm(join(rig.folder.logs, 'mint'));
    expect(await rig.heard('logTrouble')).toMatchObject({ instance: 'mint', message: /someone else/ });
    await rig.heard('logRecovered');
    const text = await rig.logged('line');
    expect(text).toMatch(/^line \d+\n/);
    expect(text).not.toContain('line 1\n');
    expect(records(join(rig.folder.logs, 'mint', 'mint.out.idx'))[0]?.offset).toBe(0);
  });
});

describe('a log file', () => {
  let folder: string;
  let troubles: { message: string; lost: number }[];
  let recovered: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'azora-keeper-log-'));
    troubles = [];
    recovered = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const open = (limits = LIMITS, clock = new LogClock(), stream: 'out' | 'err' = 'out', at = folder) =>
    new LogFile(at, 'mint', stream, limits, clock, {
      onTrouble: (message, lost) => troubles.push({ message, lost }),
      onRecovered: () => recovered++,
      onRotated: () => {},
    });

  test('one record a millisecond, and one whenever the stream changes; no two times alike', () => {
    const clock = new LogClock();
    const [out, err] = [open(LIMITS, clock), open(LIMITS, clock, 'err')];
    out.append(Buffer.from('a'), 1000);
    out.append(Buffer.from('b'), 1000);
    err.append(Buffer.from('c'), 1000);
    out.append(Buffer.from('d'), 1000);
    out.append(Buffer.from('e'), 999); // the clock was set back
    out.append(Buffer.from('f'), 1001);
    const ofOut = records(join(folder, indexName('mint', 'out')));
    const ofErr = records(join(folder, indexName('mint', 'err')));
    expect(ofOut.map(({ offset }) => offset)).toEqual([0, 2, 4]);
    expect(ofErr.map(({ offset }) => offset)).toEqual([0]);
    expect([ofOut[0]!.time, ofErr[0]!.time, ofOut[1]!.time, ofOut[2]!.time]).toEqual([
      1000,
      1000 + 1 / 1024,
      1000 + 2 / 1024,
      1001,
    ]);
  });

  test('continues where a keeper before left off, times included', () => {
    open().append(Buffer.from('half a '), 5000);
    const next = open();
    next.append(Buffer.from('line\n'), 4000);
    expect(readFileSync(join(folder, logName('mint', 'out')), 'utf8')).toBe('half a line\n');
    const [first, second] = records(join(folder, indexName('mint', 'out')));
    expect(second!.time).toBeGreaterThan(first!.time);
    expect(second!.offset).toBe(7);
  });

  test('a torn or too long index is repaired', () => {
    open().append(Buffer.from('0123456789'), 1000);
    open().append(Buffer.from('abc'), 2000);
    truncateSync(join(folder, logName('mint', 'out')), 5);
    writeFileSync(join(folder, indexName('mint', 'out')), 'torn', { flag: 'a' });
    open().append(Buffer.from('new'), 3000);
    expect(records(join(folder, indexName('mint', 'out'))).map(({ offset }) => offset)).toEqual([0, 5]);
  });

  test('counts every byte it could not keep, and says so once a second', () => {
    writeFileSync(join(folder, 'file'), '');
    const log = open(LIMITS, new LogClock(), 'out', join(folder, 'file', 'sub'));
    for (let i = 0; i < 30; i++) log.append(Buffer.alloc(10), 1000 + i * 50);
    expect(troubles.map(({ lost }) => lost)).toEqual([10, 200]);
    rmSync(join(folder, 'file'));
    log.append(Buffer.alloc(10), 10_000);
    expect(troubles.map(({ lost }) => lost)).toEqual([10, 200, 90]);
    expect(recovered).toBe(1);
  });

  test('numbers of rotated files grow on after a restart', () => {
    const limits = { ...LIMITS, maxSize: 4 };
    open(limits).append(Buffer.from('aaa\nbbb\n'), 1000);
    open(limits).append(Buffer.from('ccc\nddd\n'), 2000);
    const names = readdirSync(folder)
      .filter((name) => name.endsWith('.log'))
      .sort();
    expect(names).toEqual(['mint.out.00000001.log', 'mint.out.00000002.log', 'mint.out.00000003.log', 'mint.out.log']);
  });

  test('a file that was dropped before its compression is passed over', async () => {
    const reports: string[] = [];
    const compressor = new Compressor((message) => reports.push(message));
    compressor.add(join(folder, 'gone.log'), 'zstd');
    writeFileSync(join(folder, 'kept.log'), 'x'.repeat(100_000));
    compressor.add(join(folder, 'kept.log'), 'zstd');
    await compressor.idle();
    expect(readdirSync(folder)).toEqual(['kept.log.zst']);
    expect(reports).toEqual([]);
  });
});
