import { join } from 'node:path';
import { rotatedNumbers, type Source } from './files.ts';
import { indexName, rotatedStem, type Stream } from './format.ts';
import type { Window } from './splitter.ts';
import { TimeIndex } from './time-index.ts';

/** Both streams of an instance are told of a new life at once: their records of it are less than this apart. */
const ONE_START_MS = 1;

interface Start {
  readonly stream: Stream;
  readonly time: number;
}

/** The time of the life before the last one that `sources`, the streams of one instance, know of; null when no life is known. */
export function previousLife(sources: readonly Source[]): Window | null {
  const starts = sources.flatMap(latestStarts).sort((a, b) => b.time - a.time);
  const to = takeStart(starts);
  const from = takeStart(starts);
  // Where the start of the life before was deleted, all that is kept without any other start belongs to it.
  return to === null ? null : { from: from ?? Number.NEGATIVE_INFINITY, to };
}

/** Takes the latest start off, in one stream or both; answers when it began. */
function takeStart(starts: Start[]): number | null {
  const last = starts.shift();
  if (last === undefined) return null;
  const [other] = starts;
  if (other === undefined || other.stream === last.stream || last.time - other.time >= ONE_START_MS) return last.time;
  starts.shift();
  return other.time;
}

/** The last two starts that a stream knows of. */
function latestStarts(source: Source): Start[] {
  const found: Start[] = [];
  for (const path of indexPaths(source)) {
    const index = TimeIndex.open(path, 0);
    try {
      for (let i = index.count - 1; i >= 0 && found.length < 2; i--) {
        const { lifeStarts, time } = index.record(i);
        if (lifeStarts) found.push({ stream: source.stream, time });
      }
    } finally {
      index.close();
    }
    if (found.length === 2) break;
  }
  return found;
}

/** Newest first. */
function indexPaths(source: Source): string[] {
  const rotated = rotatedNumbers(source).map((n) => `${rotatedStem(source.instance, source.stream, n)}.idx`);
  return [...rotated, indexName(source.instance, source.stream)].reverse().map((name) => join(source.folder, name));
}
