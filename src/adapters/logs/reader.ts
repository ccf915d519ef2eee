import { organsWithLogs, type Source, sourcesOf } from './files.ts';
import { type LineRules, LineSplitter } from './line-splitter.ts';
import { previousLife } from './lives.ts';
import { decodeLine, type LineFilter, type LogLine, lineRules, rawLineRules, type Selection } from './log-line.ts';
import { merged } from './merge.ts';
import { type RawChunk, RawSplitter } from './raw-splitter.ts';
import { seekTime } from './seek.ts';
import { READ_BYTES, type ReaderRules, SourceReader } from './source-reader.ts';
import { ALWAYS, type Splitter, type Timed, type Window } from './splitter.ts';
import { seekTail } from './tail.ts';

/** Which lines of the logs to read. */
export interface LogQuery {
  /** The folder `logs` of a state folder. */
  readonly folder: string;
  /** null: every organ that has logs. */
  readonly organs: readonly string[] | null;
  /** Default: both. */
  readonly streams?: readonly ('stdout' | 'stderr')[] | undefined;
  /** Only these instances of the organs. Default: all. */
  readonly instances?: ((source: Source) => boolean) | undefined;
  /** Only lines complete at `from` ≤ time < `to` (ms since the epoch). */
  readonly window?: Window | undefined;
  /** Only lines whose text passes; `skip`: see `Grep`. */
  readonly filter?: LineFilter | null | undefined;
  readonly skip?: ((bytes: Buffer) => boolean) | undefined;
  /** Hides secrets in the text of lines. */
  readonly mask?: ((text: string) => string) | undefined;
  /** Only the last so many of each organ, of those that the rest of the query picks. */
  readonly tail?: number | undefined;
  /** Only the life before the last one of each instance. */
  readonly previous?: boolean | undefined;
  /** Told of files that cannot be read in full. */
  readonly onTrouble?: ((message: string) => void) | undefined;
}

/**
 * Reads kept lines, merged over instances and streams in time order, in batches. Memory does not grow with the logs: what is
 * held is one read per stream of an instance, 128 KiB each while they are few, and 4 MiB over all. Sees what is there when it is called; needs nothing to be running.
 */
export async function* readLogs(query: LogQuery): AsyncGenerator<LogLine[]> {
  const readers = await openReaders(query, 'opening', sourcesFor(query), (source, selection) => {
    return new LineSplitter(lineRules(source, selection));
  });
  yield* merged(readers);
}

/**
 * Reads bytes exactly as they were written, in the order in which they were read from the organs. With a filter: the lines
 * that pass, whole; without one, not even lines are looked for.
 */
export async function* readRaw(query: LogQuery): AsyncGenerator<RawChunk[]> {
  yield* merged(await openReaders(query, 'opening', sourcesFor(query), rawSplitter));
}

/** How raw bytes are cut for a query. */
export const rawSplitter = (_source: Source, selection: Selection): Splitter<RawChunk> =>
  selection.filter === null ? new RawSplitter(selection.window) : new LineSplitter(rawLineRules(selection));

/** The last lines of an organ, or of one instance of it, oldest first: what a failure's story ends with. */
export async function lastLines(folder: string, organ: string, lines: number, instance?: string): Promise<LogLine[]> {
  const instances = instance === undefined ? undefined : (source: Source) => source.instance === instance;
  const found: LogLine[] = [];
  for await (const batch of readLogs({ folder, organs: [organ], instances, tail: lines })) found.push(...batch);
  return found;
}

/** The sources that a query means, as far as they exist now. */
export function sourcesFor({
  folder,
  organs,
  streams = ['stdout', 'stderr'],
  instances = () => true,
}: Pick<LogQuery, 'folder' | 'organs' | 'streams' | 'instances'>): Source[] {
  const isWanted = (source: Source): boolean =>
    streams.includes(source.stream === 'out' ? 'stdout' : 'stderr') && instances(source);
  return [...new Set(organs ?? organsWithLogs(folder))].flatMap((organ) => sourcesOf(folder, organ).filter(isWanted));
}

/** Opens a reader for each source, each at the place where the query begins. */
export async function openReaders<T extends Timed>(
  query: LogQuery,
  until: ReaderRules['until'],
  sources: readonly Source[],
  splitterFor: (source: Source, selection: Selection) => Splitter<T>,
): Promise<SourceReader<T>[]> {
  const filter = query.filter ?? null;
  const mask = query.mask ?? ((text: string) => text);
  const readBytes = sharePerSource(sources.length);
  const opened = await Promise.all(
    sources.map(async (source) => {
      const window = query.previous ? previousWindow(source, query) : (query.window ?? ALWAYS);
      if (window === null) return null;
      const splitter = splitterFor(source, { window, filter, skip: query.skip, mask });
      return SourceReader.open(source, splitter, { until, readBytes, onTrouble: query.onTrouble });
    }),
  );
  const readers = opened.filter((reader) => reader !== null);
  if (query.tail === undefined) {
    for (const reader of readers) seekTime(reader);
    return readers;
  }
  const { tail: lines, skip } = query;
  const make: LineRules<Timed>['make'] = (bytes, from, to, ts) => {
    return filter === null || filter(mask(decodeLine(bytes, from, to))) ? { ts } : null;
  };
  for (const ofOrgan of Map.groupBy(readers, ({ source }) => source.organ).values()) {
    await seekTail(ofOrgan, { lines, make, skip });
  }
  return readers;
}

/** Text held at a time over all sources. */
const HELD_BYTES = 4 * 1024 * 1024;
const LEAST_READ_BYTES = 4096;

/** How much to read of each of so many sources at a time: a power of two. */
function sharePerSource(count: number): number {
  let share = READ_BYTES;
  while (share * count > HELD_BYTES && share > LEAST_READ_BYTES) share /= 2;
  return share;
}

/** The part of the query's window that belongs to the life before the last; null: there was none. */
function previousWindow(source: Source, { folder, window = ALWAYS }: LogQuery): Window | null {
  const streams = sourcesOf(folder, source.organ).filter(({ instance }) => instance === source.instance);
  const life = previousLife(streams);
  return life && { from: Math.max(life.from, window.from), to: Math.min(life.to, window.to) };
}
