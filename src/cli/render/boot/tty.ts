import { Writable } from 'node:stream';
import { Listr, ListrLogger, type ListrTask, ProcessOutput } from 'listr2';
import { CHECKS_STEP, MONITORING_STEP } from '../../../core/machine/boot.ts';
import type { Output } from '../../command.ts';
import { fit, list } from '../text.ts';
import type { Line } from './board.ts';
import { Board } from './board.ts';
import type { BootPlan, EventView, ViewOutputs } from './view.ts';
import { deferredReports } from './view.ts';

/**
 * The boot as a list of tasks: its steps, below them their organs, each with its state and time. What ends it decides when: the
 * tasks only follow the events. Failures are told below it once it has ended.
 */
export function ttyView(plan: BootPlan, outputs: ViewOutputs): EventView {
  // From now on listr2 says of process.stdout that it is a terminal, which may not be so.
  void outputs.stdout.isTTY;
  const board = new Board();
  const reports = deferredReports(outputs);
  const tasks = listOfTasks(plan, board, outputs.stderr);
  const stream = outputs.stderr;
  const logger = new ListrLogger({
    useIcons: true,
    toStderr: [],
    processOutput: new ProcessOutput(asStdout(stream), asStdout(stream), { leaveEmptyLine: false }),
  });
  const list = new Listr(tasks, {
    concurrent: false,
    exitOnError: false,
    registerSignalListeners: false,
    // It would look at stdout, which may be a file while this goes to the terminal.
    forceTTY: true,
    rendererOptions: { logger, collapseSubtasks: true, collapseErrors: true, formatOutput: 'truncate' },
  });
  const shown = tasks.length === 0 ? Promise.resolve() : list.run();
  return {
    event(event) {
      board.event(event);
      reports.event(event);
    },
    async end() {
      board.end();
      await shown;
      await reports.tell();
    },
  };
}

function listOfTasks(plan: BootPlan, board: Board, stderr: Output): ListrTask[] {
  const inSteps = new Set(plan.steps.flatMap(({ organs }) => organs));
  const rest = plan.instances.filter(({ organ }) => !inSteps.has(organ));
  const members = (organs: readonly string[]): string[] =>
    plan.instances.filter(({ organ }) => organs.includes(organ)).map(({ instance }) => instance);
  const own = plan.whole ? [MONITORING_STEP, CHECKS_STEP] : [];
  const total = plan.steps.length + own.length;
  const room = stderr.rows - total - 3;
  const step = (name: string, index: number, emoji: string, instances: readonly string[]): ListrTask =>
    stepTask(`[${index + 1}/${total}] ${marked(name, emoji)}`, board.step(name), instances, board, room);
  return [
    // A step that has nothing to do in this boot does not happen, and no event tells of it.
    ...plan.steps.flatMap(({ name, organs }, index) => {
      const instances = members(organs);
      return instances.length === 0 ? [] : [step(name, index, '🧩', instances)];
    }),
    ...(rest.length === 0
      ? []
      : [
          organsTask(
            rest.map(({ instance }) => instance),
            board,
            room,
            inSteps.size > 0,
          ),
        ]),
    ...own.map((name, index) => step(name, plan.steps.length + index, OWN_EMOJI[name]!, [])),
  ];
}

const OWN_EMOJI: Readonly<Record<string, string>> = { [MONITORING_STEP]: '💓', [CHECKS_STEP]: '🔎' };

/** A step that brings its own emoji keeps it. */
const marked = (name: string, emoji: string): string =>
  /^\p{Extended_Pictographic}/u.test(name) ? name : `${emoji} ${name}`;

/** Organs that belong to no step: over when each of them is. */
function organsTask(instances: readonly string[], board: Board, room: number, others: boolean): ListrTask {
  const title = others ? '🧩 Other organs' : '🧩 Organs';
  const lines = instances.map((name) => board.instance(name));
  const words = (): string => `${title}  ${lines.filter(({ outcome }) => outcome !== null).length}/${lines.length}`;
  return { title, task: (_, task) => follow(task, lines, words, { instances, board, room }) };
}

/** A declared step, or one of azora's own: over when its event says so. */
function stepTask(title: string, step: Line, instances: readonly string[], board: Board, room: number): ListrTask {
  const words = (): string => {
    const ended = instances.filter((name) => board.instance(name).outcome !== null).length;
    const progress = instances.length > 1 && step.outcome === null ? `  ${ended}/${instances.length}` : '';
    return `${title}${progress}${step.text ? `  ${step.text}` : ''}`;
  };
  return { title, task: (_, task) => follow(task, [step], words, { instances, board, room }) };
}

type Wrapper = Parameters<NonNullable<ListrTask['task']>>[1];

interface Members {
  readonly instances: readonly string[];
  readonly board: Board;
  /** Lines that the screen has for them. */
  readonly room: number;
}

/**
 * Keeps a task in step with its lines, and shows below it its organs where the screen has room for them, else whom it waits
 * for. The task ends with its lines, not with its organs.
 */
function follow(
  task: Wrapper,
  lines: readonly Line[],
  words: () => string,
  { instances, board, room }: Members,
): Promise<void> | Listr {
  const members = instances.map((name) => ({ name, line: board.instance(name) }));
  const draw = (): void => {
    task.title = words();
    if (instances.length <= room) return;
    const open = members.filter(({ line }) => line.outcome === null).map(({ name }) => name);
    task.output = open.length === 0 ? '' : fit(`waiting for ${list(open, 4)}`, 70);
  };
  for (const { line } of members) line.listeners.add(draw);
  for (const line of lines) line.listeners.add(draw);
  draw();
  if (instances.length === 0 || instances.length > room) return endWith(task, lines, words);
  return task.newListr(
    [
      ...members.map(({ name, line }) => ({
        title: name,
        task: (_: unknown, own: Wrapper) => followOne(own, name, line),
      })),
      // Without a title it is not seen: it holds the task open until its lines have ended, and fails where they do.
      {
        task: async () => {
          await ended(lines);
          if (lines.some(({ outcome }) => outcome !== 'done')) throw new Error(words());
        },
      },
    ],
    { concurrent: true, exitOnError: false },
  ) as unknown as Listr;
}

function followOne(task: Wrapper, name: string, line: Line): Promise<void> {
  const words = (): string => (line.text ? `${name}  ${line.text}` : name);
  const draw = (): void => {
    task.title = words();
  };
  line.listeners.add(draw);
  draw();
  return endWith(task, [line], words);
}

/** Ends a task once all its lines have: well, failed, or given up where one still went on. */
async function endWith(task: Wrapper, lines: readonly Line[], words: () => string): Promise<void> {
  await ended(lines);
  if (lines.some(({ outcome }) => outcome === 'failed')) throw new Error(words());
  if (lines.some(({ outcome }) => outcome === 'left')) task.skip(words());
}

function ended(lines: readonly Line[]): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (lines.every(({ outcome }) => outcome !== null)) resolve();
    };
    for (const line of lines) line.listeners.add(look);
    look();
  });
}

/** listr2 takes a whole stream; this one is a view of ours. */
function asStdout(output: Output): NodeJS.WriteStream {
  const stream = new Writable({
    write(chunk, _, done) {
      output.write(chunk);
      done();
    },
  });
  return Object.defineProperties(stream, {
    isTTY: { value: true },
    columns: { get: () => output.columns },
    rows: { get: () => output.rows },
  }) as NodeJS.WriteStream;
}
