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
    exitOnError: true,
    registerSignalListeners: false,
    rendererOptions: { logger, collapseSubtasks: true, collapseErrors: true, formatOutput: 'truncate' },
  });
  // A task that failed ends the list; what failed is told from the events.
  const shown = tasks.length === 0 ? Promise.resolve() : list.run().catch(() => {});
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
  const title = others ? '🧩 Organs in no step' : '🧩 Organs';
  return {
    title,
    task: (_, task) => {
      const lines = instances.map((name) => board.instance(name));
      const draw = (): void => {
        const ended = lines.filter(({ outcome }) => outcome !== null).length;
        task.title = `${title}  ${ended}/${lines.length}`;
      };
      return below(task, instances, board, room, draw, () => settled(lines));
    },
  };
}

/** A declared step, or one of azora's own: over when its event says so. */
function stepTask(title: string, step: Line, instances: readonly string[], board: Board, room: number): ListrTask {
  return {
    title,
    task: (_, task) => {
      const draw = (): void => {
        const ended = instances.filter((name) => board.instance(name).outcome !== null).length;
        const progress = instances.length > 1 && step.outcome === null ? `  ${ended}/${instances.length}` : '';
        task.title = `${title}${progress}${step.text ? `  ${step.text}` : ''}`;
      };
      return below(task, instances, board, room, draw, () => settled([step]));
    },
  };
}

type Wrapper = Parameters<NonNullable<ListrTask['task']>>[1];

/**
 * What is shown below a step: its organs where the screen has room for them, else whom it waits for. The step ends when `over`
 * says so, not with its organs.
 */
function below(
  task: Wrapper,
  instances: readonly string[],
  board: Board,
  room: number,
  draw: () => void,
  over: () => Promise<void>,
): Promise<void> | Listr {
  for (const name of instances) board.instance(name).listeners.add(draw);
  draw();
  if (instances.length === 0) return over().finally(draw);
  if (instances.length > room) {
    const waiting = (): void => {
      const open = instances.filter((name) => board.instance(name).outcome === null);
      task.output = open.length === 0 ? '' : fit(`waiting for ${list(open, 6)}`, 70);
    };
    for (const name of instances) board.instance(name).listeners.add(waiting);
    waiting();
    return over().finally(draw);
  }
  return task.newListr(
    [
      ...instances.map((name) => ({
        title: name,
        task: (_: unknown, organ: Wrapper) => {
          const line = board.instance(name);
          const say = (): void => {
            organ.title = line.text ? `${name}  ${line.text}` : name;
          };
          line.listeners.add(say);
          say();
          return settled([line], name);
        },
      })),
      // Without a title it is not seen: it holds the step open until its event has come.
      { task: () => over().finally(draw) },
    ],
    { concurrent: true, exitOnError: false },
  ) as unknown as Listr;
}

/** Resolves when all of them have ended well, rejects when all have ended and one has not. */
function settled(lines: readonly Line[], name?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (lines.some(({ outcome }) => outcome === null)) return;
      for (const line of lines) line.listeners.delete(look);
      const failed = lines.find(({ outcome }) => outcome === 'failed');
      if (failed) reject(new Error(name === undefined ? failed.text : `${name}  ${failed.text}`));
      else resolve();
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
