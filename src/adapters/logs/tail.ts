import { openRotated } from './files.ts';
import { startBefore } from './line-parts.ts';
import { type LineRules, LineSplitter } from './line-splitter.ts';
import type { LogFile } from './log-file.ts';
import { READ_BYTES, type SourceReader } from './source-reader.ts';
import type { Timed, Window } from './splitter.ts';

export interface TailRules {
  readonly lines: number;
  /** Makes an item of each line that counts. */
  readonly make: LineRules<Timed>['make'];
  readonly skip: LineRules<Timed>['skip'];
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
  if (rules.lines === 0) {
    for (const reader of readers) reader.startAtEnd();
    return;
  }
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
      if (file.size() === null) yield* (await placesIn(file, 0, Number.POSITIVE_INFINITY, window, rules)).reverse();
      else yield* plainBackwards(file, file.size()!, window, rules);
    } finally {
      file.close();
    }
  }
}

/** Goes back by stretches that begin with a line, each read once and forwards. */
async function* plainBackwards(file: LogFile, size: number, window: Window, rules: TailRules): AsyncGenerator<Place> {
  const { index } = file;
  const past = index.firstSince(window.to);
  let end = past < index.count ? startBefore(file, Math.min(size, index.record(past).offset) + 1) : size;
  while (end > 0 && index.timeOf(index.covering(end - 1)) >= window.from) {
    const start = startBefore(file, Math.max(1, end - READ_BYTES + 1));
    const places = await placesIn(file, start, end, window, rules);
    yield* places.reverse();
    end = start;
  }
}

/** Where the lines within bytes [from, to) begin, oldest first; the last ones that can be wanted at least. */
async function placesIn(
  file: LogFile,
  from: number,
  to: number,
  window: Window,
  { lines, make, skip }: TailRules,
): Promise<Place[]> {
  const { number } = file;
  let places: Place[] = [];
  const items: Timed[] = [];
  const onStart = (offset: number): void => void places.push({ number, offset, ts: items.pop()!.ts });
  const splitter = new LineSplitter({ make, skip, window, onStart });
  splitter.begin(file.index, from);
  const target = Buffer.allocUnsafe(READ_BYTES);
  try {
    for (let offset = from; offset < to && !splitter.done; ) {
      const got = await file.readAt(offset, target.subarray(0, Math.min(READ_BYTES, to - offset)));
      if (got === 0) break;
      splitter.push(target.subarray(0, got), items);
      offset += got;
      if (places.length > 2 * lines + 1000) places = places.slice(-lines);
    }
  } catch {
    // Damaged (it is a compressed one): what could be read counts here, and the reader that comes after says so.
  }
  splitter.flush(items);
  return places.slice(-lines);
}
