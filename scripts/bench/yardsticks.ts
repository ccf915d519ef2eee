import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Marker } from './marker.ts';
import { Marks, now } from './marks.ts';
import { output } from './run.ts';

/** What everything is measured against, in the same run: Node itself, a bare spawn loop of Node's, a bare loop in C. */

/** Started as the commands are that are measured against it: two pipes take a millisecond. */
export async function nodeMs(): Promise<number> {
  const startedAt = now();
  await output(process.execPath, ['-e', '0']);
  return now() - startedAt;
}

export interface LoopTimes {
  /** From the start of the loop until the last child runs. */
  readonly bootMs: number;
  /** From the first signal until the last child is reaped. */
  readonly stopMs: number;
}

export async function nodeLoop(marker: Marker, folder: string, count: number): Promise<LoopTimes> {
  const marks = new Marks(folder);
  const startedAt = now();
  const children: ChildProcess[] = [];
  for (let i = 0; i < count; i++) children.push(spawn(marker.path, ['run', marks.path], { stdio: 'ignore' }));
  const last = (await marks.atLeast(count)).at(-1)!;
  const gone = children.map((child) => once(child, 'exit'));
  const stoppedAt = now();
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(gone);
  return { bootMs: last.at - startedAt, stopMs: now() - stoppedAt };
}

/** null without a compiler. */
export async function cLoop(marker: Marker, folder: string, count: number): Promise<LoopTimes | null> {
  if (marker.compiler === null) return null;
  const marks = new Marks(folder);
  const startedAt = now();
  const loop = spawn(marker.path, ['floor', marks.path, String(count)], { stdio: ['pipe', 'ignore', 'inherit'] });
  const last = (await marks.atLeast(count)).at(-1)!;
  const gone = once(loop, 'exit');
  const stoppedAt = now();
  loop.stdin!.end();
  await gone;
  return { bootMs: last.at - startedAt, stopMs: now() - stoppedAt };
}

/** A loop in C that starts one organ after the other, `count` of them; null without a compiler. */
export function cAgain(marker: Marker, marks: Marks, count: number): { end(): Promise<void> } | null {
  if (marker.compiler === null) return null;
  const loop = spawn(marker.path, ['again', marks.path, String(count)], { stdio: 'ignore' });
  const gone = once(loop, 'exit');
  return {
    async end() {
      process.kill((await marks.atLeast(count)).at(-1)!.pid, 'SIGKILL');
      await gone;
    },
  };
}

/** Kills the organ that marked last (the `lives`-th) and waits for its successor's mark. */
export async function killAndAwait(marks: Marks, lives: number): Promise<number> {
  const { pid } = (await marks.atLeast(lives))[lives - 1]!;
  const killedAt = now();
  process.kill(pid, 'SIGKILL');
  return (await marks.atLeast(lives + 1))[lives]!.at - killedAt;
}

/** `writers` children that write `bytes` each to a file of their own, at once: from the first mark to the last exit. */
export async function directWrites(marker: Marker, folder: string, writers: number, bytes: number): Promise<number> {
  const marks = new Marks(folder);
  const files = Array.from({ length: writers }, (_, i) => join(folder, `direct-${i}`));
  const outputs = files.map((file) => openSync(file, 'w'));
  const ends = outputs.map((output) =>
    once(spawn(marker.path, ['flood', marks.path, String(bytes)], { stdio: ['ignore', output, 'inherit'] }), 'exit'),
  );
  await Promise.all(ends);
  const endedAt = now();
  for (const output of outputs) closeSync(output);
  for (const file of files) rmSync(file);
  return endedAt - Math.min(...marks.read().map(({ at }) => at));
}
