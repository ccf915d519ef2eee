import { openRotated } from './files.ts';
import { startBefore } from './line-parts.ts';
import type { LogFile } from './log-file.ts';
import type { SourceReader } from './source-reader.ts';
import type { Timed } from './splitter.ts';

/**
 * Puts a reader where its window begins: at the first line that was complete by then, found by the indexes alone. (Of a
 * compressed file it reads from the start; the window leaves out what is too early.)
 */
export function seekTime<T extends Timed>(reader: SourceReader<T>): void {
  const time = reader.window.from;
  if (time === Number.NEGATIVE_INFINITY) return;
  const { chain } = reader;
  for (const number of chain.numbers) {
    const file = openRotated(chain.source, number);
    if (file && file.index.lastTime >= time) {
      reader.startAt(file, lineAt(file, time));
      return;
    }
    file?.close();
  }
  if (chain.live && chain.live.index.lastTime >= time) reader.startAt(chain.live, lineAt(chain.live, time));
  else reader.startAtEnd();
}

function lineAt(file: LogFile, time: number): number {
  const size = file.size();
  if (size === null || file.index.count === 0) return 0;
  // The record may be there before its bytes.
  const offset = Math.min(size, file.index.record(file.index.firstSince(time)).offset);
  return startBefore(file, offset + 1);
}
