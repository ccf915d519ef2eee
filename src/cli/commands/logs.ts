import { type Command, InvalidArgumentError, Option } from 'commander';
import { followLogs, followRaw } from '../../adapters/logs/follow.ts';
import { compileGrep, type Grep } from '../../adapters/logs/grep.ts';
import type { LogLine } from '../../adapters/logs/log-line.ts';
import { type LogQuery, readLogs, readRaw, sourcesFor } from '../../adapters/logs/reader.ts';
import { EXIT, type ExitCode, fail } from '../../core/failures.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { locateState } from '../locate.ts';
import { chooseLogs } from '../logs/choose.ts';
import { timeOption } from '../options.ts';
import { jsonLine, LogLineRenderer, stripControls } from '../render/log-lines.ts';
import { list } from '../render/text.ts';
import { outputMask } from '../secrets.ts';

type LogsOptions = {
  readonly follow?: boolean;
  readonly lines?: number;
  /** ms since the epoch */
  readonly since?: number;
  readonly until?: number;
  readonly grep?: Grep;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly timestamps?: boolean;
  readonly json?: boolean;
  readonly raw?: boolean;
  /** false with --no-prefix, else absent. */
  readonly prefix?: boolean;
  readonly previous?: boolean;
};

export const command = defineCommand<LogsOptions>({
  declare(command: Command) {
    command
      .description(
        'Show what organs wrote, from the kept logs, merged in time order. Needs nothing to be running, and leaves what ' +
          'runs alone.',
      )
      .argument('[organ...]', 'organs or instances (default: all)')
      .option('-f, --follow', 'go on with what comes, until Ctrl-C')
      .option('-n, --lines <n>', 'only the last n lines of each organ', linesOption)
      .option('--since <time>', 'only lines since then: 10m (ago), or 2026-11-23T08:00:00Z', timeOption)
      .option('--until <time>', 'only lines up to then', timeOption)
      .option('--grep <regexp>', 'only lines that match (JavaScript)', grepOption)
      .option('--stdout', 'only standard output')
      .option('--stderr', 'only standard error')
      .option('-t, --timestamps', 'show when each line came')
      .option('--json', 'one JSON object per line')
      .addOption(new Option('--raw', 'the bytes as they were written').conflicts(['json', 'timestamps']))
      .option('--no-prefix', "leave out the instance's name")
      .addOption(new Option('--previous', 'the life before the last start').conflicts('follow'));
  },
  examples: [
    { line: 'azora logs', what: 'everything that is kept' },
    { line: 'azora logs -f -n 20 mint', what: 'the last 20 lines of mint, and all that come' },
    { line: 'azora logs --since 10m --grep "error|warn"', what: 'errors and warnings of the last ten minutes' },
    { line: 'azora logs --previous mint', what: 'what mint wrote before it was restarted' },
  ],
  async run(context, names, options) {
    const state = locateState(context);
    const choice = await chooseLogs(context, state.logs, names);
    const onTrouble = (message: string): void => void context.stderr.write(`azora: ${message}\n`);
    const query: LogQuery = {
      folder: state.logs,
      organs: choice.organs,
      instances: choice.instances,
      streams: streamsOf(options),
      window: windowOf(options),
      filter: options.grep?.filter ?? null,
      skip: options.grep?.skip,
      tail: options.lines,
      previous: options.previous,
      mask: options.raw ? undefined : await outputMask(context, state, onTrouble),
      onTrouble,
    };
    return options.follow ? follow(context, query, options) : show(context, query, options);
  },
});

async function show(context: CommandContext, query: LogQuery, options: LogsOptions): Promise<ExitCode> {
  const { stdout, stderr } = context;
  let isEmpty = true;
  const write = async (chunk: string | Uint8Array): Promise<void> => {
    isEmpty = false;
    if (!stdout.write(chunk)) await stdout.drained();
  };
  if (options.raw) {
    for await (const batch of readRaw(query)) await write(Buffer.concat(batch.map(({ bytes }) => bytes)));
  } else {
    const render = rendererFor(context, query, options);
    for await (const batch of readLogs(query)) await write(render(batch));
  }
  const note = isEmpty ? emptyNote(query) : null;
  if (note !== null) stderr.write(`azora: ${note}\n`);
  return EXIT.done;
}

/** Ends with Ctrl-C or SIGTERM, when the reader of stdout leaves, or at --until; what runs is not touched by any of it. */
async function follow(context: CommandContext, query: LogQuery, options: LogsOptions): Promise<ExitCode> {
  const { stdout } = context;
  const stop = new AbortController();
  const ended = Promise.withResolvers<ExitCode>();
  const endWith = (code: ExitCode) => () => {
    stop.abort();
    ended.resolve(code);
  };
  const release = [
    context.onSignal('SIGINT', endWith(EXIT.interrupted)),
    context.onSignal('SIGTERM', endWith(EXIT.terminated)),
    context.onSignal('SIGPIPE', endWith(EXIT.done)),
  ];
  const finish = new AbortController();
  const timer = finishAt(options.until, finish);
  const render = rendererFor(context, query, options);
  const write = async (chunk: string | Uint8Array): Promise<void> => {
    if (!stop.signal.aborted && !stdout.write(chunk)) await stdout.drained();
  };
  const rules = {
    ...query,
    organs: () => query.organs,
    from: 'start' as const,
    signal: AbortSignal.any([stop.signal, finish.signal]),
  };
  const done = options.raw
    ? followRaw({ ...rules, onLines: (chunks) => write(Buffer.concat(chunks.map(({ bytes }) => bytes))) })
    : followLogs({ ...rules, onLines: (lines) => write(render(lines)) });
  try {
    // Whoever asked to end does not wait for a reader that is behind.
    return await Promise.race([ended.promise, done.then(() => (stop.signal.aborted ? ended.promise : EXIT.done))]);
  } finally {
    clearTimeout(timer);
    for (const unregister of release) unregister();
  }
}

/** setTimeout takes no more than this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function finishAt(until: number | undefined, finish: AbortController): NodeJS.Timeout | undefined {
  if (until === undefined) return undefined;
  const left = until - Date.now();
  return setTimeout(() => finish.abort(), Math.min(Math.max(0, left), LONGEST_TIMER_MS));
}

function rendererFor(
  { stdout }: CommandContext,
  query: LogQuery,
  options: LogsOptions,
): (lines: readonly LogLine[]) => string {
  if (options.json) return (lines) => lines.map(jsonLine).join('');
  const format = { style: stdout.style, prefix: options.prefix !== false, timestamps: options.timestamps === true };
  const instances = sourcesFor(query).map(({ instance }) => instance);
  const renderer = new LogLineRenderer(format, instances);
  return (lines) => lines.map((line) => renderer.render(line)).join('');
}

/** Why nothing was shown, where it may not be what was expected. */
function emptyNote(query: LogQuery): string | null {
  const sources = sourcesFor({ ...query, streams: undefined });
  if (sources.length === 0) {
    return query.organs === null
      ? `nothing has been logged yet (${query.folder})`
      : `${list(query.organs)} ${query.organs.length === 1 ? 'has' : 'have'} written nothing yet (${query.folder})`;
  }
  return query.previous ? 'there is no life before the last start in the kept logs' : null;
}

function streamsOf({ stdout, stderr }: LogsOptions): LogQuery['streams'] {
  if (stdout === stderr) return undefined;
  return stdout ? ['stdout'] : ['stderr'];
}

function windowOf({ since, until }: LogsOptions): { from: number; to: number } {
  const from = since ?? Number.NEGATIVE_INFINITY;
  // A line is shown with its whole millisecond, and all of the millisecond that was named belongs to it.
  const to = until === undefined ? Number.POSITIVE_INFINITY : until + 1;
  if (from >= to) fail('usage', '--since is later than --until', 'Swap them: azora logs --since 20m --until 10m');
  return { from, to };
}

function linesOption(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a number of lines: 20.');
  return Number(text);
}

function grepOption(text: string): Grep {
  try {
    return compileGrep(text, stripControls);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
