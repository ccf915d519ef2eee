import { openRotated } from './files.ts';
import { startBefore } from './line-parts.ts';
import { type LineRules, LineSplitter } from './line-splitter.ts';
import type { LogFile } from './log-file.ts';
import { READ_BYTES, type SourceReader } from './source-reader.ts';
import type { Timed, Window } from './splitter.ts';

export interface TailRules {
  readonly lines: number;
  /** Which lines count. null: all of them. */
  readonly matches: ((bytes: Buffer, from: number, to: number) => boolean) | null;
}

interface Place {
  /** Of the rotated file; null: the live one. */
  readonly number: number | null;
  readonly offset: number;
  readonly ts: number;
}

/**
 * Puts the readers of one organ where its last `lines` lines begin, over all its instances and streams taken together. Reads
 * backwards from the ends and keeps places only, never text: the cost is that of the lines, not of the files. (A compressed
 * file has to be read whole, the newest first and no further than needed.)
 */
export async function seekTail<T extends Timed>(readers: readonly SourceReader<T>[], rules: TailRules): Promise<void> {
  const walkers = await Promise.all(
    readers.map(async (reader) => {
      const places = linesBackwards(reader, rules);
      return { reader, places, next: await nextOf(places), start: null as Place | null };
    }),
  );
  for (let wanted = rules.lines; wanted > 0; wanted--) {
    let latest: (typeof walkers)[number] | null = null;
    for (const walker of walkers) {
      // At equal times the later reader's line is printed later, so it is the first one met on the way back.
      if (walker.next && (latest?.next == null || walker.next.ts >= latest.next.ts)) latest = walker;
    }
    if (latest === null) break;
    latest.start = latest.next;
    latest.next = await nextOf(latest.places);
  }
  for (const { reader, places, start } of walkers) {
    await places.return();
    if (start === null) reader.startAtEnd();
    else startAtPlace(reader, start);
  }
}

function startAtPlace<T extends Timed>(reader: SourceReader<T>, { number, offset }: Place): void {
  const { chain } = reader;
  const file = number === null ? chain.live : openRotated(chain.source, number);
  // null: deleted since it was looked at. What is left begins with the file after it, where the reader starts by itself.
  if (file) reader.startAt(file, offset);
}

async function nextOf(places: AsyncGenerator<Place, void>): Promise<Place | null> {
  const { value, done } = await places.next();
  return done ? null : value;
}

/** Where the lines of a source begin, newest first. */
async function* linesBackwards<T extends Timed>(
  { chain, window }: SourceReader<T>,
  rules: TailRules,
): AsyncGenerator<Place, void> {
  if (chain.live) yield* plainBackwards(chain.live, chain.liveSize, window, rules);
  for (const number of chain.numbers.toReversed()) {
    const file = openRotated(chain.source, number);
    if (file === null) continue;
    try {
      if (file.index.lastTime < window.from) return;
      if (file.size() === null) yield* await packedPlaces(file, window, rules);
      else yield* plainBackwards(file, file.size()!, window, rules);
    } finally {
      file.close();
    }
  }
}

function* plainBackwards(file: LogFile, size: number, window: Window, { matches }: TailRules): Generator<Place, void> {
  const { index, number } = file;
  const past = index.firstSince(window.to);
  let end = past < index.count ? startBefore(file, Math.min(size, index.record(past).offset) + 1) : size;
  while (end > 0) {
    const offset = startBefore(file, end);
    const ts = index.timeOf(index.covering(end - 1));
    if (ts < window.from) return;
    if (matches === null || matchesAt(file, offset, end, matches)) yield { number, offset, ts };
    end = offset;
  }
}

function matchesAt(file: LogFile, offset: number, end: number, matches: NonNullable<TailRules['matches']>): boolean {
  const line = Buffer.allocUnsafe(end - offset);
  return matches(line, 0, file.readAt(offset, line) as number);
}

/** The last places of a compressed file, newest first, found by reading it from the start. */
async function packedPlaces(file: LogFile, window: Window, { lines, matches }: TailRules): Promise<Place[]> {
  const { number } = file;
  let places: Place[] = [];
  let ts = 0;
  const make: LineRules<Timed>['make'] = (bytes, from, to, time) => {
    ts = time;
    return matches === null || matches(bytes, from, to) ? { ts: time } : null;
  };
  const splitter = new LineSplitter({ make, window, onStart: (offset) => places.push({ number, offset, ts }) });
  splitter.begin(file.index, 0);
  const target = Buffer.allocUnsafe(READ_BYTES);
  try {
    for (let offset = 0; !splitter.done; ) {
      const got = await file.readAt(offset, target);
      if (got === 0) break;
      splitter.push(target.subarray(0, got), []);
      offset += got;
      if (places.length > 2 * lines + 1000) places = places.slice(-lines);
    }
  } catch {
    // Damaged: what could be read counts here, and the reader that comes after says so.
  }
  splitter.flush([]);
  return places.slice(-lines).reverse();
}
