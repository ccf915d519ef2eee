import type { SystemEvent } from '../../../core/events.ts';
import type { Output, Progress } from '../../command.ts';
import { plainLine } from './lines.ts';
import { concerns, failureReport, type LastWords, type Whose } from './report.ts';

/** Shows a stream of events while something is awaited. */
export interface EventView {
  event(event: SystemEvent): void;
  /** Resolves when all that was heard is on the screen; nothing is drawn after it. */
  end(): Promise<void>;
}

/** What is known before the first event. */
export interface BootPlan {
  /** In order; organs in no step are in none of them. */
  readonly steps: readonly { readonly name: string; readonly organs: readonly string[] }[];
  /** What is being started. */
  readonly instances: readonly { readonly organ: string; readonly instance: string }[];
  /** azora's own steps follow: a boot of the system, not a start of some organs of a running one. */
  readonly whole: boolean;
}

/** The last lines that an instance wrote, oldest first; only those since a moment (ms), where one is given. */
export type LastLines = (organ: string, instance: string, since: number | null) => Promise<readonly string[]>;

export interface ViewOutputs {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly lastLines: LastLines;
}

/** What `auto` comes to: the lively view for terminals, lines for everything else. */
export function chooseProgress(progress: Progress, stderr: Output): Exclude<Progress, 'auto'> {
  if (progress === 'auto') return stderr.isTTY ? 'tty' : 'plain';
  return progress === 'tty' && !stderr.isTTY ? 'plain' : progress;
}

/** One line per change on stderr, and the account of each failure. */
export function plainView(outputs: ViewOutputs): EventView {
  const report = reporter(outputs);
  return orderedView(async (event) => {
    const line = plainLine(event, outputs.stderr.style);
    if (line !== null) outputs.stderr.write(`${line}\n`);
    await report(event);
  });
}

/** Failures only. */
export function quietView(outputs: ViewOutputs): EventView {
  return orderedView(reporter(outputs));
}

/** The events themselves on stdout, one JSON document a line. */
export function jsonView({ stdout }: Pick<ViewOutputs, 'stdout'>): EventView {
  return orderedView(async (event) => {
    stdout.write(`${JSON.stringify(event)}\n`);
    await stdout.drained();
  });
}

/** Tells of failures. What an instance wrote before it was started this time is not its last words. */
function reporter({ stderr, lastLines }: ViewOutputs): (event: SystemEvent) => Promise<void> {
  const startedAt = new Map<string, number>();
  return async (event) => {
    if (event.type === 'organ-starting' && event.instance !== null) startedAt.set(event.instance, Date.parse(event.ts));
    const words = await lastWords(concerns(event), lastLines, (instance) => startedAt.get(instance) ?? null);
    const text = failureReport(event, words, stderr);
    if (text !== null) stderr.write(text);
  };
}

/** What each of them wrote last. */
export async function lastWords(
  whose: readonly Whose[],
  lastLines: LastLines,
  since: (instance: string) => number | null,
): Promise<LastWords> {
  const words = new Map<string, readonly string[]>();
  for (const { organ, instance } of whose) words.set(instance, await lastLines(organ, instance, since(instance)));
  return words;
}

/** Failures that are told once the screen is free again. */
export function deferredReports(outputs: ViewOutputs): { event(event: SystemEvent): void; tell(): Promise<void> } {
  const heard: SystemEvent[] = [];
  const report = reporter(outputs);
  return {
    event: (event) => heard.push(event),
    async tell() {
      for (const event of heard.splice(0)) await report(event);
    },
  };
}

/** Shows one event after the other, in their order, although showing one may take a moment. */
function orderedView(show: (event: SystemEvent) => Promise<void>): EventView {
  let last: Promise<void> = Promise.resolve();
  return {
    event: (event) => {
      last = last.then(() => show(event));
    },
    end: () => last,
  };
}
