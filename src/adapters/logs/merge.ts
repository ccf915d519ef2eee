import type { SourceReader } from './source-reader.ts';
import type { Timed } from './splitter.ts';

/**
 * Reads on where nothing is held, once, and answers the items that can be handed out now, in time order: all up to the moment
 * until which every reader has been read. A reader that has just come to its end was read until `now`. No more than one read
 * per reader is ever held.
 */
export async function mergeStep<T extends Timed>(readers: readonly SourceReader<T>[], now: number): Promise<T[]> {
  let limit = now;
  for (const reader of readers) {
    const isDue = reader.queue.length === 0;
    if (isDue) await reader.fill();
    if (!reader.finished && !(isDue && reader.atEnd)) limit = Math.min(limit, reader.lastTime);
  }
  return takeUpTo(readers, limit);
}

/** Takes from the queues what is not later than `limit`, in time order; at equal times in the order of the readers. */
export function takeUpTo<T extends Timed>(readers: readonly SourceReader<T>[], limit: number): T[] {
  const runs: T[][] = [];
  for (const reader of readers) {
    const { queue } = reader;
    if (queue.length === 0 || queue[0]!.ts > limit) continue;
    if (queue.at(-1)!.ts <= limit) {
      runs.push(queue);
      reader.queue = [];
    } else {
      const kept = queue.findIndex((item) => item.ts > limit);
      runs.push(queue.slice(0, kept));
      reader.queue = queue.slice(kept);
    }
  }
  if (runs.length <= 1) return runs[0] ?? [];
  // Array.sort is stable and merges runs that are in order already.
  return runs.flat().sort((a, b) => a.ts - b.ts);
}

/** Everything that the readers have, in time order, in batches; closes them. */
export async function* merged<T extends Timed>(readers: readonly SourceReader<T>[]): AsyncGenerator<T[]> {
  try {
    for (;;) {
      const open = readers.filter((reader) => !reader.finished || reader.queue.length > 0);
      if (open.length === 0) return;
      const batch = await mergeStep(open, Number.POSITIVE_INFINITY);
      if (batch.length > 0) yield batch;
    }
  } finally {
    for (const reader of readers) reader.close();
  }
}
