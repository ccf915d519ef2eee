import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PART_BYTES } from '../../../src/adapters/logs/line-parts.ts';
import type { LogLine } from '../../../src/adapters/logs/log-line.ts';
import { type LogQuery, lastLines, readLogs, readRaw } from '../../../src/adapters/logs/reader.ts';
import { Clock, LogWriter, type Packing, temporaryFolder } from './writer.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function read(query: Partial<LogQuery> = {}): Promise<LogLine[]> {
  const found: LogLine[] = [];
  for await (const batch of readLogs({ folder, organs: null, ...query })) found.push(...batch);
  return found;
}
const texts = async (query: Partial<LogQuery> = {}): Promise<string[]> => (await read(query)).map(({ line }) => line);

async function raw(query: Partial<LogQuery> = {}): Promise<Buffer> {
  const found: Buffer[] = [];
  for await (const batch of readRaw({ folder, organs: null, ...query })) found.push(...batch.map(({ bytes }) => bytes));
  return Buffer.concat(found);
}

describe('reading', () => {
  it('finds nothing where there is nothing', async () => {
    expect(await read()).toEqual([]);
    expect(await read({ folder: join(folder, 'never'), organs: ['mint'] })).toEqual([]);
  });

  it('merges instances and streams in time order, over rotated and compressed files', async () => {
    const clock = new Clock();
    const out = new LogWriter(folder, 'mint', 'mint-1', 'out', clock);
    const err = new LogWriter(folder, 'mint', 'mint-1', 'err', clock);
    const other = new LogWriter(folder, 'aegis', 'aegis', 'out');
    out.append('one\n', 1000);
    err.append('two\n', 1000);
    out.rotate('zst');
    other.append('three\n', 1001);
    out.append('four\n', 1002);
    out.rotate('gz');
    err.append('five\n', 1003);
    out.rotate('plain');
    out.append('six\n', 1004);
    expect(await texts()).toEqual(['one', 'two', 'three', 'four', 'five', 'six']);
    expect(await texts({ organs: ['mint'], streams: ['stderr'] })).toEqual(['two', 'five']);
    expect((await read({ organs: ['mint'] }))[1]).toEqual({
      ts: 1000 + 1 / 1024,
      organ: 'mint',
      instance: 'mint-1',
      stream: 'stderr',
      line: 'two',
      partial: false,
    });
  });

  it('gives a line the time when it was complete, and flags one that never was', async () => {
    const out = new LogWriter(folder, 'mint', 'mint', 'out');
    out.append('Load', 1000);
    out.append('ing\nlast wo', 2000);
    out.append('rds', 3000);
    expect((await read()).map(({ ts, line, partial }) => ({ ts, line, partial }))).toEqual([
      { ts: 2000, line: 'Loading', partial: false },
      { ts: 3000, line: 'last words', partial: true },
    ]);
  });

  it.each<[string, Buffer, string]>([
    ['invalid UTF-8', Buffer.from([0x61, 0xff, 0xc3, 0x0a]), 'a\ufffd\ufffd'],
    ['NUL', Buffer.from('a\0b\n'), 'a\ufffdb'],
    ['CR LF', Buffer.from('a\r\n'), 'a'],
    ['an empty line', Buffer.from('\n'), ''],
    ['characters of several bytes', Buffer.from('Ä€😀\n'), 'Ä€😀'],
  ])('shows %s, and keeps its bytes for raw', async (_, bytes, text) => {
    new LogWriter(folder, 'mint', 'mint', 'out').append(bytes, 1000);
    expect(await texts()).toEqual([text]);
    expect(await raw()).toEqual(bytes);
  });

  it('prefers the plain file while its compressed copy is there too', async () => {
    const out = new LogWriter(folder, 'mint', 'mint', 'out');
    out.append('once\n', 1000);
    out.rotate('both');
    expect(await texts()).toEqual(['once']);
  });

  it('says that a compressed file is damaged and goes on', async () => {
    const out = new LogWriter(folder, 'mint', 'mint', 'out');
    out.append('lost\n'.repeat(1000), 1000);
    out.rotate('zst');
    out.append('kept\n', 1001);
    truncateSync(join(folder, 'mint', 'mint.out.00000001.log.zst'), 12);
    const troubles: string[] = [];
    expect((await texts({ onTrouble: (message) => troubles.push(message) })).at(-1)).toBe('kept');
    expect(troubles).toEqual([expect.stringContaining('mint.out.00000001.log.zst is damaged after')]);
  });

  it('reads a log whose index is lost', async () => {
    new LogWriter(folder, 'mint', 'mint', 'out').append('still here\n', 1000);
    rmSync(join(folder, 'mint', 'mint.out.idx'));
    expect(await texts()).toEqual(['still here']);
  });

  it('hands out an endless line in bounded parts that join to the whole, never cutting a character', async () => {
    const line = `${'x'.repeat(PART_BYTES - 1)}${'€'.repeat(PART_BYTES)}`;
    const out = new LogWriter(folder, 'mint', 'mint', 'out');
    out.append(`short\n${line}\nafter\n`, 1000);
    const parts = (await read()).slice(1, -1);
    expect(parts.map(({ line: part }) => part).join('')).toBe(line);
    expect(parts.every(({ line: part }) => Buffer.byteLength(part) < 2 * PART_BYTES)).toBe(true);
    expect(parts.map(({ partial }) => partial)).toEqual([...parts.slice(1).map(() => true), false]);
  });
});

describe('choosing', () => {
  const write = (packing: Packing): void => {
    const clock = new Clock();
    const out = new LogWriter(folder, 'mint', 'mint', 'out', clock);
    const err = new LogWriter(folder, 'mint', 'mint', 'err', clock);
    for (let i = 0; i < 100; i++) {
      (i % 3 === 0 ? err : out).append(`line ${i}\n`, 1000 + i);
      if (i % 25 === 24) out.rotate(packing);
    }
  };

  it.each<Packing>(['plain', 'zst', 'gz'])('takes the last lines over both streams (%s)', async (packing) => {
    write(packing);
    for (const tail of [0, 1, 2, 20, 99, 100, 1000]) {
      expect(await texts({ tail })).toEqual(
        Array.from({ length: 100 }, (_, i) => `line ${i}`).slice(100 - Math.min(100, tail)),
      );
    }
    expect(await texts({ tail: 3, filter: (text) => text.endsWith('7') })).toEqual(['line 77', 'line 87', 'line 97']);
    expect(await texts({ tail: 2, streams: ['stderr'] })).toEqual(['line 96', 'line 99']);
  });

  it.each<Packing>(['plain', 'zst'])('takes a part of the time (%s)', async (packing) => {
    write(packing);
    expect(await texts({ window: { from: 1010, to: 1013 } })).toEqual(['line 10', 'line 11', 'line 12']);
    expect(await texts({ window: { from: 1098, to: Infinity } })).toEqual(['line 98', 'line 99']);
    expect(await texts({ window: { from: 0, to: 1050 }, tail: 2 })).toEqual(['line 48', 'line 49']);
    expect(await texts({ window: { from: 1099, to: 2000 }, tail: 5 })).toEqual(['line 99']);
    expect(await texts({ window: { from: 2000, to: Infinity } })).toEqual([]);
    expect((await raw({ window: { from: 1010, to: 1012 } })).toString()).toBe('line 10\nline 11\n');
  });

  it('begins a time in the middle of a line with the whole of that line', async () => {
    const out = new LogWriter(folder, 'mint', 'mint', 'out');
    out.append('early\nbegun ', 1000);
    out.append('and ended\nlate\n', 2000);
    expect(await texts({ window: { from: 1500, to: Infinity } })).toEqual(['begun and ended', 'late']);
    expect(await texts({ window: { from: 0, to: 1500 }, tail: 1 })).toEqual(['early']);
  });

  it('takes the last lines of each organ', async () => {
    for (const organ of ['mint', 'aegis']) {
      const out = new LogWriter(folder, organ, organ, 'out');
      for (let i = 0; i < 5; i++) out.append(`${organ} ${i}\n`, 1000 + i);
    }
    expect(await texts({ tail: 1 })).toEqual(['aegis 4', 'mint 4']);
    expect((await lastLines(folder, 'mint', 2)).map(({ line }) => line)).toEqual(['mint 3', 'mint 4']);
  });

  it('takes the life before the last, of both streams, over a rotation', async () => {
    const clock = new Clock();
    const writers = (['out', 'err'] as const).map((stream) => new LogWriter(folder, 'mint', 'mint', stream, clock));
    for (let life = 1; life <= 3; life++) {
      for (const writer of writers) writer.startLife(1000 * life);
      for (const writer of writers) writer.append(`life ${life} ${writer.stream}\n`, 1000 * life + 1);
      writers[0]!.rotate('zst');
      writers[0]!.append(`life ${life} cut off`, 1000 * life + 2);
    }
    expect(await read({ previous: true })).toMatchObject([
      { line: 'life 2 out', partial: false },
      { line: 'life 2 err', partial: false },
      { line: 'life 2 cut off', partial: true },
    ]);
    expect((await raw({ previous: true })).toString()).toBe('life 2 out\nlife 2 err\nlife 2 cut off');
    expect(await texts({ previous: true, tail: 1 })).toEqual(['life 2 cut off']);
  });

  it('has no life before the first', async () => {
    const out = new LogWriter(folder, 'mint', 'mint', 'out');
    out.startLife(1000);
    out.append('only\n', 1001);
    expect(await texts({ previous: true })).toEqual([]);
  });
});

describe('properties', () => {
  const SOURCES = [
    ['mint', 'mint-1', 'out'],
    ['mint', 'mint-1', 'err'],
    ['aegis', 'aegis-2', 'out'],
    ['aegis', 'aegis-10', 'err'],
  ] as const;
  const short = fc.oneof(
    fc.string({ maxLength: 12 }).map((text) => Buffer.from(`${text}\n`)),
    fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)),
    fc.array(fc.constantFrom('\n', 'a', '€', '\r\n'), { maxLength: 12 }).map((parts) => Buffer.from(parts.join(''))),
  );
  // Long ones, around the size at which lines are cut into parts.
  const long = fc.nat(3 * PART_BYTES).map((size) => Buffer.alloc(size, 'é'));
  const operationOn = (bytes: fc.Arbitrary<Buffer>) =>
    fc.oneof(
      { weight: 8, arbitrary: fc.record({ kind: fc.constant('append' as const), bytes }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('rotate' as const),
          packing: fc.constantFrom<Packing>('plain', 'zst', 'gz', 'both'),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('life' as const) }) },
    );
  const stepsWith = (bytes: fc.Arbitrary<Buffer>) =>
    fc.array(fc.record({ source: fc.nat(SOURCES.length - 1), later: fc.nat(3), operation: operationOn(bytes) }), {
      maxLength: 60,
    });
  const steps = stepsWith(fc.oneof({ weight: 3, arbitrary: short }, { weight: 1, arbitrary: long }));

  /** Carries out a script; answers what was written, in order. One clock for all, so that the order is never in doubt. */
  function perform(script: readonly Step[]): { source: number; bytes: Buffer }[] {
    rmSync(folder, { recursive: true, force: true });
    const clock = new Clock();
    const writers = SOURCES.map(([organ, instance, stream]) => new LogWriter(folder, organ, instance, stream, clock));
    const written: { source: number; bytes: Buffer }[] = [];
    let now = 1000;
    for (const { source, later, operation } of script) {
      now += later;
      const writer = writers[source]!;
      if (operation.kind === 'rotate') writer.rotate(operation.packing);
      else if (operation.kind === 'life') writer.startLife(now);
      else if (operation.bytes.length > 0) {
        // Nobody reads nothing from a pipe.
        writer.append(operation.bytes, now);
        written.push({ source, bytes: operation.bytes });
      }
    }
    return written;
  }
  type Step = Parameters<Parameters<typeof steps.map>[0]>[0][number];

  it('raw gives exactly the bytes, in the order in which they came', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const expected = Buffer.concat(perform(script).map(({ bytes }) => bytes));
        expect((await raw()).equals(expected)).toBe(true);
      }),
      { numRuns: 40 },
    );
  }, 30_000);

  it('every byte is in one line, once, and lines come in time order', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const written = perform(script);
        const lines = await read();
        expect(lines.map(({ ts }) => ts)).toEqual(lines.map(({ ts }) => ts).toSorted((a, b) => a - b));
        for (const [i, [organ, instance, stream]] of SOURCES.entries()) {
          const expected = Buffer.concat(written.filter(({ source }) => source === i).map((item) => item.bytes));
          const streams = [stream === 'out' ? ('stdout' as const) : ('stderr' as const)];
          // An organ's stream is one source here; a filter makes `raw` go line by line.
          const joined = await raw({ organs: [organ], streams, filter: () => true });
          expect(joined.equals(expected)).toBe(true);
          const mine = lines.filter((line) => line.instance === instance && line.stream === streams[0]);
          expect(mine.filter(({ partial }) => !partial).length).toBe(expected.filter((byte) => byte === 10).length);
          expect(mine.every(({ line }) => line.length < 2 * PART_BYTES)).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  }, 30_000);

  it('lines are the same read backwards from the end and from a time in the middle', async () => {
    await fc.assert(
      // A line too long for one part is cut from where reading begins: its parts are not the same from the middle.
      fc.asyncProperty(stepsWith(short), fc.nat(30), async (script, n) => {
        perform(script);
        for (const organ of ['mint', 'aegis']) {
          const whole = await read({ organs: [organ] });
          expect(await read({ organs: [organ], tail: n })).toEqual(n === 0 ? [] : whole.slice(-n));
          const window = { from: 1000 + n, to: 1010 + n };
          const within = whole.filter(({ ts }) => ts >= window.from && ts < window.to);
          expect(await read({ organs: [organ], window })).toEqual(within);
          expect(await read({ organs: [organ], window, tail: 3 })).toEqual(within.slice(-3));
        }
      }),
      { numRuns: 40 },
    );
  }, 30_000);
});
