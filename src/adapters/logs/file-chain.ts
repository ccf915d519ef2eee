import { setTimeout as sleep } from 'node:timers/promises';
import { inodeOf, livePath, numberOf, openLiveOnce, openRotated, rotatedNumbers, type Source } from './files.ts';
import type { LogFile } from './log-file.ts';

/** A rotation takes well under a millisecond; a crash in the middle of one must not hold a reader up for long. */
const ROTATION_TRIES = 25;
/** A source that has only rotated files is nothing unusual, and a follower will look again anyway. */
const MISSING_TRIES = 3;

/**
 * The files of one source in the order in which they were written, while they may be rotated, compressed and deleted. The
 * live one is opened at once, so what was there at the time of opening stays readable to its end.
 */
export class FileChain {
  readonly source: Source;
  /** Rotated files that were there at opening, oldest first. */
  readonly numbers: readonly number[];
  /** The live file as of opening, until it has been handed out; its size then is `liveSize`. */
  readonly live: LogFile | null;
  readonly liveSize: number;
  #handedLive = false;
  /** Everything up to this number has been handed out. */
  #position = -1;

  private constructor(source: Source, live: LogFile | null, numbers: readonly number[]) {
    this.source = source;
    this.live = live;
    this.numbers = numbers;
    this.liveSize = live?.size() ?? 0;
    live?.index.refresh();
  }

  static async open(source: Source): Promise<FileChain> {
    const { live, numbers } = await openLive(source, MISSING_TRIES);
    return new FileChain(source, live, numbers);
  }

  /** The live file as of opening has been handed out, or there was none: all of that time has. */
  get handedLive(): boolean {
    return this.#handedLive;
  }

  /** Says that `file` is being read, opened by somebody else or the `live` one; `next` will answer the one after it. */
  handOut(file: LogFile): void {
    this.#handedLive = file.number === null;
    this.#position = file.number ?? this.numbers.at(-1) ?? -1;
  }

  /** Leaves out all that was there at opening. */
  skipOpening(): void {
    this.close();
    this.#position = this.numbers.at(-1) ?? -1;
  }

  /** The file after the one handed out last; null when there is none (yet). `file` is that last one, still open. */
  async next(file: LogFile | null): Promise<LogFile | null> {
    if (file?.number === null) this.#position = this.#numberOfRotated(file);
    for (;;) {
      const numbers = this.#handedLive ? rotatedNumbers(this.source) : this.numbers;
      for (const number of numbers) {
        if (number <= this.#position) continue;
        this.#position = number;
        const rotated = openRotated(this.source, number);
        if (rotated) return rotated;
      }
      if (!this.#handedLive) {
        this.#handedLive = true;
        // With none, there is nothing more for who looks back; a follower asks again.
        return this.live;
      }
      const { live, numbers: before } = await openLive(this.source, 1);
      // Everything was removed, and numbers may begin anew.
      if (!live && before.length === 0) this.#position = -1;
      if (!before.some((number) => number > this.#position)) return live;
      live?.close();
    }
  }

  /** Whether the live `file` has been renamed: nothing will be added to it any more. */
  isRotatedAway(file: LogFile): boolean {
    return inodeOf(livePath(this.source)) !== file.inode;
  }

  close(): void {
    if (!this.#handedLive) this.live?.close();
    this.#handedLive = true;
  }

  /** The number that the live file `file` got; when it has been deleted since, all that there is comes after it. */
  #numberOfRotated(file: LogFile): number {
    return numberOf(this.source, file, rotatedNumbers(this.source)) ?? this.#position;
  }
}

/**
 * Opens the live file together with its own index, and the numbers of all files before it. Between two looks that show the
 * same newest number no rotation began, so all of that belongs together.
 */
async function openLive(source: Source, missingTries: number): Promise<{ live: LogFile | null; numbers: number[] }> {
  for (let tries = 1; ; tries++) {
    const before = rotatedNumbers(source);
    const live = openLiveOnce(source);
    const numbers = rotatedNumbers(source);
    const undisturbed = before.at(-1) === numbers.at(-1);
    const lastTry = tries >= (live === null ? missingTries : ROTATION_TRIES);
    if (live === null) {
      if ((undisturbed && numbers.length === 0) || lastTry) return { live, numbers };
    } else if (live.index.inode !== null) {
      if (undisturbed) return { live, numbers };
    } else if (live.size() === 0 && undisturbed) {
      // Just created: its index will be there before its first byte.
      live.close();
      return { live: null, numbers };
    } else if (undisturbed && lastTry) {
      // A record is written before its bytes, so bytes without an index were just being renamed. These stay so: it is lost.
      return { live, numbers };
    }
    live?.close();
    if (lastTry) return { live: null, numbers };
    await sleep(tries < 5 ? 1 : 4);
  }
}
