import { createReadStream, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, DIRECT, fresh, type Running, Turns, withSystems } from '../bench.ts';
import { now } from '../marks.ts';
import type { Result } from '../result.ts';
import { directWrites } from '../yardsticks.ts';

/** What organs write, until all of it is in the files that are kept of it. */

export const log = (bench: Bench): Promise<Result[]> =>
  logs(bench, { writers: 1, bytes: bench.quick ? 100e6 : 500e6, times: 1.6 });
export const manyLogs = (bench: Bench): Promise<Result[]> =>
  logs(bench, { writers: 20, bytes: bench.quick ? 5e6 : 25e6, times: 4 });

/** Of a line without what a program puts before it, and without its end. */
const LINE = 99;
/** A log that grows no more for so long has got all that it gets. */
const PATIENCE_MS = 5_000;

interface Load {
  readonly writers: number;
  readonly bytes: number;
  readonly times: number;
}

async function logs(bench: Bench, { writers, bytes, times }: Load): Promise<Result[]> {
  const turns = new Turns();
  const damaged: string[] = [];
  const names = Array.from({ length: writers }, (_, i) => `o${i}`);
  const contestants = bench.contestants.filter((who) => who.logs && (writers === 1 || !who.mixed));
  for (let round = 0; round < (bench.quick ? 2 : 5); round++) {
    turns.add(DIRECT, await directWrites(bench.marker, fresh(bench), writers, bytes));
    for (const who of contestants) {
      if (!who.name.startsWith('azora') && round >= 1) continue;
      const organ = (path: string) => ({
        command: [bench.marker.path, 'flood', path, String(bytes)],
        needs: [],
        once: true,
      });
      await withSystems(
        bench,
        [who],
        ({ path }) => Object.fromEntries(names.map((name) => [name, organ(path)])),
        async ([system]) => {
          const written = await Promise.all(names.map((name) => whenWritten(system!, name, bytes)));
          turns.add(who.name, Math.max(...written) - Math.min(...system!.marks.read().map(({ at }) => at)));
          if (round > 0) return;
          let lines = 0;
          for (const name of names) lines += await damagedLines(who.logs!(system!.folder, name), bytes);
          if (lines > 0 || who === bench.azora) damaged.push(`${who.name}: ${lines} lines damaged or lost`);
        },
      );
    }
  }
  const size = `${bytes / 1e6} MB`;
  return [
    {
      what: `${writers === 1 ? 'one organ writes' : `${writers} organs write`} ${size}${writers === 1 ? '' : ' each'} → all of it is in the log`,
      short: writers === 1 ? size : `${writers} × ${size}`,
      unit: 'ms',
      ...turns.of(bench),
      goal: { times, of: DIRECT },
      note: damaged.join(', '),
    },
  ];
}

/**
 * Resolves with the time at which an organ's log was last written, once it has all its bytes, or gets no more of them: then some
 * are lost.
 */
async function whenWritten({ who, folder }: Running, organ: string, bytes: number): Promise<number> {
  let before: number | null = null; // how much longer lines are than what was written
  let [seen, changedAt] = [0, now()];
  while (now() - changedAt < PATIENCE_MS) {
    const files = who.logs!(folder, organ);
    const stats = files.flatMap((file) => statSync(file, { throwIfNoEntry: false }) ?? []);
    const size = stats.reduce((sum, each) => sum + each.size, 0);
    if (size !== seen) [seen, changedAt] = [size, now()];
    if (size > 0) before ??= await prefixOf(files[0]!);
    if (size > 0 && size >= bytes + (bytes / (LINE + 1)) * (before ?? 0)) {
      return Math.max(...stats.map(({ mtimeMs }) => mtimeMs));
    }
    await delay(2);
  }
  return changedAt;
}

const NUMBER = /(?:^|\D)(\d{12} x{86})$/;

/** How many characters stand before each of an organ's lines; null: there is none yet. */
async function prefixOf(file: string): Promise<number | null> {
  let text = '';
  for await (const chunk of createReadStream(file, { encoding: 'latin1', end: 4095 })) text += chunk;
  const line = text
    .split('\n')
    .slice(0, -1)
    .find((each) => NUMBER.test(each));
  return line === undefined ? null : line.length - LINE;
}

/** Lines that are not what was written in their place, and those that are missing. */
async function damagedLines(files: readonly string[], bytes: number): Promise<number> {
  const filler = 'x'.repeat(86);
  const before = (await prefixOf(files[0]!)) ?? 0;
  let [number, damaged] = [0, 0];
  for (const file of files) {
    let rest = '';
    for await (const chunk of createReadStream(file, { encoding: 'latin1', highWaterMark: 1 << 20 })) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        if (before > 0 && !line.includes(' xx')) continue; // its own words
        if (line.slice(before) !== `${String(number++).padStart(12, '0')} ${filler}`) damaged++;
      }
    }
  }
  return damaged + Math.max(0, Math.floor(bytes / 100) - number);
}
