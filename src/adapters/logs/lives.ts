import { join } from 'node:path';
import { rotatedNumbers, type Source } from './files.ts';
import { indexName, rotatedStem } from './format.ts';
import type { Window } from './splitter.ts';
import { TimeIndex } from './time-index.ts';

/** Both streams of an instance are told of a new life at once; their two records lie no further apart than this. */
const SAME_LIFE_MS = 5;

/** The time of the life before the last one that `sources`, the streams of one instance, know of; null when there is none. */
export function previousLife(sources: readonly Source[]): Window | null {
  const starts = sources.flatMap((source) => latestLifeStarts(source)).sort((a, b) => b - a);
  const last = starts[0];
  if (last === undefined) return null;
  // The earlier of the two records of one start is where it begins.
  const begin = (start: number): number => starts.findLast((time) => time >= start - SAME_LIFE_MS) ?? start;
  const to = begin(last);
  const previous = starts.find((time) => time < to);
  // Where the start of the life before was deleted long ago, what is left of that life begins with the oldest byte.
  return previous === undefined ? null : { from: begin(previous), to };
}

/** Times of the last two starts of lives in a stream, and of both records of each where two streams share it. */
function latestLifeStarts(source: Source): number[] {
  const found: number[] = [];
  for (const path of indexPaths(source)) {
    const index = TimeIndex.open(path, 0);
    try {
      for (let i = index.count - 1; i >= 0 && found.length < 2; i--) {
        const record = index.record(i);
        if (record.lifeStarts) found.push(record.time);
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
