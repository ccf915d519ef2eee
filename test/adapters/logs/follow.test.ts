import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FollowOptions, followLogs, followRaw } from '../../../src/adapters/logs/follow.ts';
import type { LogLine } from '../../../src/adapters/logs/log-line.ts';
import { Clock, LogWriter, temporaryFolder } from './writer.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Follows, and lets a test wait for so many lines. */
class Following {
  readonly lines: LogLine[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #arrived: () => void = () => {};

  constructor(options: Partial<FollowOptions<LogLine>> = {}) {
    this.#done = followLogs({
      folder,
      organs: () => null,
      from: 'now',
      signal: this.#stop.signal,
      onLines: (lines) => this.take(lines),
      ...options,
    });
  }

  /** Takes lines, and the time that it needs for them. */
  async take(lines: readonly LogLine[], busy?: Promise<void>): Promise<void> {
    this.lines.push(...lines);
    this.#arrived();
    await busy;
  }

  get texts(): string[] {
    return this.lines.map(({ line }) => line);
  }

  async until(count: number): Promise<string[]> {
    while (this.lines.length < count) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.texts;
  }

  /** Stops; what was there by then has been handed out. */
  async stop(): Promise<string[]> {
    this.#stop.abort();
    await this.#done;
    return this.texts;
  }
}

const writer = (organ = 'mint', clock = new Clock()): LogWriter => new LogWriter(folder, organ, organ, 'out', clock);

describe('following', () => {
  it('gives new lines only, over a rotation, and the whole of a line that had begun', async () => {
    const out = writer();
    out.append('old\nbe', Date.now() - 1000);
    const following = new Following();
    const marker = writer('aegis');
    marker.append('ready\n', Date.now());
    await following.until(1);
    out.append('gun\none\n', Date.now());
    await following.until(3);
    out.rotate('zst');
    out.rotate();
    out.append('two\n', Date.now());
    expect(await following.until(4)).toEqual(['ready', 'begun', 'one', 'two']);
    await following.stop();
  });

  it('begins with what is kept, or with the last lines of each organ, and goes on without a gap', async () => {
    for (const organ of ['mint', 'aegis']) {
      const out = writer(organ);
      for (let i = 0; i < 10; i++) {
        out.append(`${organ} ${i}\n`, 1000 + i);
        if (i === 6) out.rotate('gz');
      }
    }
    const all = new Following({ from: 'start' });
    const last = new Following({ from: 'start', tail: 2 });
    const since = new Following({ from: 1009 });
    const fresh = writer('elara');
    fresh.append('hello\n', Date.now());
    expect(await all.until(21)).toHaveLength(21);
    expect(await last.until(5)).toEqual(['aegis 8', 'mint 8', 'aegis 9', 'mint 9', 'hello']);
    expect(await since.until(3)).toEqual(['aegis 9', 'mint 9', 'hello']);
    for (const following of [all, last, since]) await following.stop();
  });

  it('waits for a folder that does not exist yet, and takes organs in and out as it is told', async () => {
    rmSync(folder, { recursive: true });
    let organs: string[] = ['mint'];
    const following = new Following({ organs: () => organs });
    const mint = writer('mint');
    const aegis = writer('aegis');
    mint.append('mint 1\n', Date.now());
    await following.until(1);
    organs = ['aegis'];
    aegis.append('aegis 1\n', Date.now());
    await following.until(2);
    mint.append('mint 2\n', Date.now());
    aegis.append('aegis 2\n', Date.now());
    expect(await following.until(3)).toEqual(['mint 1', 'aegis 1', 'aegis 2']);
    expect(await following.stop()).toHaveLength(3);
  });

  it('shows a line without an end when nothing comes after it, and when it is stopped', async () => {
    const following = new Following({ from: 'start' });
    const out = writer();
    out.append('Password: ', Date.now());
    await following.until(1);
    expect(following.lines[0]).toMatchObject({ line: 'Password: ', partial: true });
    out.append('last wor', Date.now());
    expect(await following.stop()).toEqual(['Password: ', 'last wor']);
  });

  it('does not wait for times that the clock has not reached', async () => {
    const following = new Following({ from: 'start' });
    writer().append('from the future\n', Date.now() + 3_600_000);
    expect(await following.until(1)).toEqual(['from the future']);
    await following.stop();
  });

  it('hands out all that is there when it is stopped, also to one who is slow', async () => {
    const out = writer();
    out.append('one\n', Date.now() - 100);
    const gate = Promise.withResolvers<void>();
    const following: Following = new Following({
      from: 'start',
      onLines: (lines) => following.take(lines, gate.promise),
    });
    await following.until(1);
    out.append('two\n', Date.now());
    out.rotate();
    out.append('three\n', Date.now());
    const stopped = following.stop();
    expect(following.texts).toEqual(['one']);
    gate.resolve();
    expect(await stopped).toEqual(['one', 'two', 'three']);
  });

  it('goes on with what is left when files were deleted before it came to them', async () => {
    const out = writer();
    out.append('one\n', Date.now() - 100);
    const gate = Promise.withResolvers<void>();
    const said: string[] = [];
    const following: Following = new Following({
      from: 'start',
      onLines: (lines) => following.take(lines, gate.promise),
      onTrouble: (message) => said.push(message),
    });
    await following.until(1);
    for (const text of ['two', 'three', 'four']) {
      out.rotate('zst');
      out.append(`${text}\n`, Date.now());
    }
    out.drop(1);
    out.drop(2);
    gate.resolve();
    expect(await following.until(3)).toEqual(['one', 'three', 'four']);
    expect(said).toEqual([
      expect.stringMatching(/^4 bytes of mint \(stdout\) were rotated away before they could be read/),
    ]);
    await following.stop();
  });

  it('follows bytes as they are', async () => {
    const stop = new AbortController();
    const seen: Buffer[] = [];
    const out = writer();
    out.append(Buffer.from([0xff, 0x00, 0x0a]), Date.now());
    const done = followRaw({
      folder,
      organs: () => null,
      from: 'start',
      signal: stop.signal,
      onLines: (chunks) => {
        seen.push(...chunks.map(({ bytes }) => bytes));
        stop.abort();
      },
    });
    await done;
    expect(Buffer.concat(seen)).toEqual(Buffer.from([0xff, 0x00, 0x0a]));
  });
});

describe('in a flood with a rotation every few milliseconds', () => {
  it.each([
    ['from before its beginning', false],
    ['while old files are deleted', true],
  ])(
    'no line is lost, doubled, torn or out of order: %s',
    async (_, deleting) => {
      const following = new Following({ from: 'start' });
      const flood = new Worker(new URL('./flood.ts', import.meta.url), {
        workerData: { folder, rounds: 600, deleting },
      });
      // A file that has just appeared is found when it is found; from then on all is in order.
      await following.until(3);
      flood.postMessage('go');
      const [counts] = (await once(flood, 'message')) as [number[]];
      await following.until(counts.reduce((sum, count) => sum + count));
      const texts = await following.stop();
      for (const [i, name] of ['mint-1 out', 'mint-1 err', 'aegis out'].entries()) {
        const mine = texts.filter((text) => text.startsWith(name));
        expect(mine).toEqual(Array.from({ length: counts[i]! }, (_, line) => `${name} ${line}`));
      }
      // Instances share no clock: within a millisecond there is no order between them.
      const times = following.lines.map(({ ts }) => Math.floor(ts));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(following.lines.some(({ partial }) => partial)).toBe(false);
    },
    20_000,
  );
});
