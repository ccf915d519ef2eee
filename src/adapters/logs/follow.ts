import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { monotonic } from '../clock.ts';
import { organsWithLogs, type Source } from './files.ts';
import { LineSplitter } from './line-splitter.ts';
import { type LogLine, lineRules, type Selection } from './log-line.ts';
import { mergeStep, takeUpTo } from './merge.ts';
import type { RawChunk } from './raw-splitter.ts';
import { type LogQuery, openReaders, rawSplitter, sourcesFor } from './reader.ts';
import type { SourceReader } from './source-reader.ts';
import { ALWAYS, type Splitter, type Timed } from './splitter.ts';
import { Wake } from './wake.ts';

/** After a notice, others follow soon; and what was read this long after it was stamped can be put in order for certain. */
const GATHER_MS = 10;
/** A line that has not ended is shown as far as it has come when nothing was added for so long: a prompt, last words. */
const QUIET_LINE_MS = 1000;
/** Times this far ahead were stamped before the clock was set back; there is no sense in waiting for them. */
const AHEAD_MS = 1000;
/** How long to go on reading what is there already when the follower is told to stop. */
const DRAIN_MS = 500;

export interface FollowOptions<T> extends Omit<LogQuery, 'organs' | 'previous'> {
  /** Asked again and again; null: every organ that has logs, as they come. */
  readonly organs: () => readonly string[] | null;
  /** Where to begin: with what comes from now on, with all that is kept, or at a time (ms). `tail` overrides it. */
  readonly from: 'now' | 'start' | number;
  readonly signal: AbortSignal;
  /** Gets items in time order, in batches; reading waits for what it returns. */
  readonly onLines: (items: readonly T[]) => void | Promise<void>;
}

/**
 * Follows the logs of a live system: across rotations, into files and organs that appear later. Lines of all sources come in
 * time order (to the millisecond between instances, whose fractions are their own; the first ones of a file that has just
 * appeared may come late), about 10 ms after they were written. Resolves once `signal` aborts and what was there by then was handed out.
 */
export function followLogs(options: FollowOptions<LogLine>): Promise<void> {
  return new Follower(options, (source, selection) => new LineSplitter(lineRules(source, selection))).run();
}

/** Likewise with the bytes as they were written: see `readRaw`. */
export function followRaw(options: FollowOptions<RawChunk>): Promise<void> {
  return new Follower(options, rawSplitter).run();
}

class Follower<T extends Timed> {
  readonly #options: FollowOptions<T>;
  readonly #splitterFor: (source: Source, selection: Selection) => Splitter<T>;
  readonly #wake = new Wake();
  readonly #startedAt = Date.now();
  #readers = new Map<string, SourceReader<T>>();
  /** The latest discovery, on the clock of monotonic(). */
  #discovered: { readonly startedAt: number; readonly endedAt: number } | null = null;
  #organs = '';

  constructor(options: FollowOptions<T>, splitterFor: (source: Source, selection: Selection) => Splitter<T>) {
    this.#options = options;
    this.#splitterFor = splitterFor;
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    try {
      while (!signal.aborted) {
        // Taken before anything is looked at: what was written by then will be seen, in new files too.
        const now = Date.now();
        if (this.#isDiscoveryDue()) await this.#discover();
        const isBehind = await this.#round(now);
        if (isBehind) await nextTurn();
        else await this.#pause();
      }
      await this.#drain();
    } finally {
      this.#wake.close();
      for (const reader of this.#readers.values()) reader.close();
    }
  }

  /** Reads on and hands out what can be put in order; true: there is more to read at once. */
  async #round(now: number): Promise<boolean> {
    const readers = [...this.#readers.values()];
    for (const reader of readers) {
      if (reader.pending && monotonic() - reader.grewAt >= QUIET_LINE_MS) reader.flush();
    }
    // The keeper writes what it has stamped before it stamps anything else: all before this millisecond is there to be read.
    await this.#handOut(await mergeStep(readers, now - 1));
    if (readers.some(({ atEnd, queue }) => !atEnd && queue.length === 0)) return true;
    const ahead = readers.filter(({ queue }) => queue.length > 0 && queue[0]!.ts > now + AHEAD_MS);
    await this.#handOut(takeUpTo(ahead, Number.POSITIVE_INFINITY));
    return false;
  }

  async #handOut(items: readonly T[]): Promise<void> {
    if (items.length > 0) await this.#options.onLines(items);
  }

  async #pause(): Promise<void> {
    const isHolding = [...this.#readers.values()].some(({ queue }) => queue.length > 0);
    const { signal } = this.#options;
    await this.#wake.wait(isHolding || this.#wake.stirred ? GATHER_MS : this.#wake.pollMs, signal);
    if (!signal.aborted && !isHolding) await sleep(GATHER_MS);
  }

  async #drain(): Promise<void> {
    const deadline = monotonic() + DRAIN_MS;
    await this.#discover();
    while ((await this.#round(Number.POSITIVE_INFINITY)) && monotonic() < deadline) await nextTurn();
    const readers = [...this.#readers.values()];
    for (const reader of readers) reader.flush();
    await this.#handOut(takeUpTo(readers, Number.POSITIVE_INFINITY));
  }

  #isDiscoveryDue(): boolean {
    const now = monotonic();
    if (this.#discovered === null) return true;
    const { startedAt, endedAt } = this.#discovered;
    if (now - startedAt >= this.#wake.pollMs || this.#organs !== String(this.#options.organs())) return true;
    // However fast files are rotated, searching folders for new ones takes no more than half of the time.
    return this.#wake.stirred && now - endedAt >= endedAt - startedAt;
  }

  /** Finds new sources and lets go of organs that are no longer asked for. */
  async #discover(): Promise<void> {
    const { folder, streams, instances } = this.#options;
    const isFirst = this.#discovered === null;
    const startedAt = monotonic();
    const chosen = this.#options.organs();
    this.#organs = String(chosen);
    const organs = chosen ?? organsWithLogs(folder);
    // Watched before it is looked at, so that nothing comes in between unseen.
    this.#wake.watch([folder, ...organs.map((organ) => join(folder, organ))]);
    const sources = sourcesFor({ folder, organs, streams, instances });
    const fresh = sources.filter((source) => !this.#readers.has(keyOf(source)));
    for (const reader of await openReaders(this.#query(isFirst, organs), 'for-ever', fresh, this.#splitterFor)) {
      this.#readers.set(keyOf(reader.source), reader);
    }
    for (const [key, reader] of this.#readers) {
      if (organs.includes(reader.source.organ)) continue;
      reader.close();
      this.#readers.delete(key);
    }
    this.#discovered = { startedAt, endedAt: monotonic() };
  }

  /** What is found at first begins where the caller says; what appears later, with the time when following began. */
  #query(isFirst: boolean, organs: readonly string[]): LogQuery {
    const { from, window = ALWAYS, tail, ...rest } = this.#options;
    const time = from === 'start' ? Number.NEGATIVE_INFINITY : from === 'now' ? this.#startedAt : from;
    if (isFirst && (tail !== undefined || from === 'now')) return { ...rest, organs, window, tail: tail ?? 0 };
    const begin = tail === undefined ? time : this.#startedAt;
    return { ...rest, organs, window: { from: Math.max(begin, window.from), to: window.to } };
  }
}

const keyOf = (source: Source): string => `${source.organ}/${source.instance}.${source.stream}`;
