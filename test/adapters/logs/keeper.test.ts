import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { followLogs } from '../../../src/adapters/logs/follow.ts';
import type { LogLine } from '../../../src/adapters/logs/log-line.ts';
import { readLogs, readRaw } from '../../../src/adapters/logs/reader.ts';
import { Compressor } from '../../../src/keeper/compress.ts';
import { LogClock, LogFile } from '../../../src/keeper/log-file.ts';
import { temporaryFolder } from './writer.ts';

/** What the keeper writes is what readers read: both sides of the format, against each other. */

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fail = (message: string): never => {
  throw new Error(message);
};

function keeperLogs(maxSize: number, compressor?: Compressor): { out: LogFile; err: LogFile; close(): void } {
  const clock = new LogClock();
  const open = (stream: 'out' | 'err'): LogFile =>
    new LogFile(
      join(folder, 'mint'),
      'mint',
      stream,
      { maxSize, maxFiles: 100_000, compress: 'zstd', merge: false },
      clock,
      { onTrouble: fail, onRecovered: () => {}, onRotated: (path) => compressor?.add(path, 'zstd') },
    );
  const [out, err] = [open('out'), open('err')];
  return {
    out,
    err,
    close() {
      out.close();
      err.close();
    },
  };
}

it('raw gives the bytes in the order in which the keeper read them', async () => {
  const chunk = fc.record({
    err: fc.boolean(),
    later: fc.nat(2),
    text: fc.array(fc.constantFrom('a', 'bc', '\n', '€', 'x'.repeat(50)), { maxLength: 12 }).map((all) => all.join('')),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 60 }), fc.integer({ min: 1, max: 200 }), async (chunks, maxSize) => {
      rmSync(folder, { recursive: true, force: true });
      const { out, err, close } = keeperLogs(maxSize);
      let now = 1000;
      for (const { err: isErr, later, text } of chunks) {
        now += later;
        (isErr ? err : out).append(Buffer.from(text), now);
      }
      close();
      const read: Buffer[] = [];
      for await (const batch of readRaw({ folder, organs: null })) read.push(...batch.map(({ bytes }) => bytes));
      expect(Buffer.concat(read).toString()).toBe(chunks.map(({ text }) => text).join(''));
    }),
    { numRuns: 40 },
  );
}, 30_000);

it('a follower sees every line once, and --previous the life before, while files are rotated and compressed', async () => {
  const compressor = new Compressor(fail);
  const { out, err, close } = keeperLogs(2000, compressor);
  const seen: LogLine[] = [];
  const stop = new AbortController();
  const all = Promise.withResolvers<void>();
  const TOTAL = 6000;
  const done = followLogs({
    folder,
    organs: () => ['mint'],
    from: 'start',
    signal: stop.signal,
    onLines: (lines) => {
      seen.push(...lines);
      if (seen.length >= TOTAL) all.resolve();
    },
  });
  for (let i = 0; i < TOTAL; i++) {
    if (i % 2000 === 0) for (const log of [out, err]) log.startLife(Date.now());
    (i % 3 === 0 ? err : out).append(Buffer.from(`line ${i}\n`), Date.now());
    // Lets the follower and the compressor have their turns.
    if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await all.promise;
  stop.abort();
  await done;
  close();
  await compressor.idle();
  expect(seen.map(({ line }) => line)).toEqual(Array.from({ length: TOTAL }, (_, i) => `line ${i}`));

  const previous: string[] = [];
  for await (const batch of readLogs({ folder, organs: null, previous: true }))
    previous.push(...batch.map((l) => l.line));
  expect(previous).toEqual(Array.from({ length: 2000 }, (_, i) => `line ${2000 + i}`));
  await compressor.idle(); // before its folder is removed
});

it.each([1, 2, 5])(
  'a follower that falls behind says how much it missed: with what it saw, that is all (max_files %i)',
  async (maxFiles) => {
    const open = (): LogFile => {
      const limits = { maxSize: 200, maxFiles, compress: 'none', merge: false } as const;
      const events = { onTrouble: fail, onRecovered: () => {}, onRotated: () => {} };
      return new LogFile(join(folder, 'mint'), 'mint', 'out', limits, new LogClock(), events);
    };
    const stop = new AbortController();
    let seen = 0;
    let missed = 0;
    let gate = Promise.resolve();
    let arrived = (): void => {};
    const done = followLogs({
      folder,
      organs: () => ['mint'],
      from: 'start',
      signal: stop.signal,
      onTrouble: (message) => {
        missed += Number(/^(\d+) bytes of mint \(stdout\)/.exec(message)?.[1]);
      },
      onLines: async (lines) => {
        for (const { line } of lines) seen += line.length + 1;
        arrived();
        await gate;
      },
    });
    let written = 0;
    const write = (log: LogFile, lines: number): void => {
      for (let i = 0; i < lines; i++) {
        const line = `line ${written}\n`;
        log.append(Buffer.from(line), Date.now());
        written += line.length;
      }
    };
    for (let round = 0; round < 6; round++) {
      const behind = Promise.withResolvers<void>();
      const first = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      gate = behind.promise;
      const log = open(); // a new keeper goes on with the files of the one before
      write(log, 5);
      await first;
      write(log, 300);
      log.close();
      behind.resolve();
      await expect.poll(() => seen + missed, { timeout: 5000 }).toBe(written);
    }
    stop.abort();
    await done;
    expect(missed).toBeGreaterThan(0);
  },
);
