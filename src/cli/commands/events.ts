import { type Command, Option } from 'commander';
import { EVENT_TYPES, type EventType, type SystemEvent } from '../../core/events.ts';
import { EXIT, type ExitCode, fail } from '../../core/failures.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import type { Connection } from '../connection.ts';
import { findSupervisor } from '../daemons.ts';
import { openRecord, recentEvents, storedEvents, supervisorIfItAnswers } from '../history.ts';
import { locateState } from '../locate.ts';
import { namesOption, timeOption } from '../options.ts';
import { EventLines, eventJson } from '../render/event-lines.ts';

interface EventsOptions {
  readonly follow?: true;
  readonly json?: true;
  /** ms since the epoch. */
  readonly since?: number;
  readonly organ?: readonly string[];
  readonly type?: readonly string[];
}

export const command = defineCommand<EventsOptions>({
  declare(command: Command) {
    command
      .description(
        'Show what has happened: every change of every organ and of the system, with its cause, across boots. Needs nothing to ' +
          'be running.',
      )
      .option('-f, --follow', 'go on with what happens, until Ctrl-C or the end of the system')
      .option('--json', 'one JSON object per line')
      .option('--since <time>', 'only events since then: 10m (ago), or 2026-11-23T08:00:00Z', timeOption)
      .option('--organ <organ>', 'only events of this organ or instance (may be repeated)', namesOption)
      .addOption(
        new Option('--type <type>', 'only events of this type (may be repeated)').argParser(
          (text: string, before: readonly string[] = []) => namesOption(text, before),
        ),
      );
  },
  examples: [
    { line: 'azora events --since 10m', what: 'what has happened in the last ten minutes' },
    { line: 'azora events -f --organ mint', what: 'the story of mint, as it goes on' },
    { line: 'azora events --json --type organ-failed', what: 'every failure, for a script' },
  ],
  async run(context, operands, options) {
    if (operands.length > 0) fail('usage', `azora events takes no operands, and got "${operands.join(' ')}"`);
    const isWanted = filterOf(options);
    const { stdout, stderr } = context;
    const folder = locateState(context);
    const onTrouble = (why: string): void => void stderr.write(`${stderr.style.yellow('azora:')} ${why}\n`);
    const lines = new EventLines(stdout.style);
    let lastId = 0;
    const show = async (events: readonly SystemEvent[]): Promise<void> => {
      lastId = events.at(-1)?.id ?? lastId;
      const text = events.filter(isWanted).map((event) => (options.json ? eventJson(event) : lines.render(event)));
      if (text.length > 0 && !stdout.write(text.join(''))) await stdout.drained();
    };

    const connection = await supervisorIfItAnswers(folder, context.version, onTrouble);
    const record = await openRecord(folder, onTrouble);
    if (record) {
      const sinceTs = options.since === undefined ? undefined : new Date(options.since).toISOString();
      // Asked first: what is recorded meanwhile comes with the pages, or from the supervisor.
      const lastBefore = record.lastEventId();
      for (const page of storedEvents(record, { sinceTs })) await show(page);
      lastId = Math.max(lastId, lastBefore);
      record.close();
    }
    if (!connection) {
      if (!record) onTrouble(`nothing has happened yet (${folder.root})`);
      if (options.follow) fail('not-running', 'nothing is running', 'Start it: azora up');
      return EXIT.done;
    }
    if (options.follow) return follow(context, connection, () => lastId, show);
    await show(await recentEvents(connection, lastId));
    connection.close();
    return EXIT.done;
  },
});

/** Across changes of supervisor, until the system has ended or somebody ends this command. */
async function follow(
  context: CommandContext,
  first: Connection,
  lastId: () => number,
  show: (events: readonly SystemEvent[]) => Promise<void>,
): Promise<ExitCode> {
  const ended = Promise.withResolvers<ExitCode>();
  const release = [
    context.onSignal('SIGINT', () => ended.resolve(EXIT.interrupted)),
    context.onSignal('SIGTERM', () => ended.resolve(EXIT.terminated)),
    context.onSignal('SIGPIPE', () => ended.resolve(EXIT.done)),
  ];
  try {
    return await Promise.race([ended.promise, followAll(context, first, lastId, show)]);
  } finally {
    for (const unregister of release) unregister();
  }
}

async function followAll(
  context: CommandContext,
  first: Connection,
  lastId: () => number,
  show: (events: readonly SystemEvent[]) => Promise<void>,
): Promise<ExitCode> {
  const folder = locateState(context);
  for (let connection: Connection | null = first; connection; ) {
    let shown = Promise.resolve();
    connection.onEvent((event) => {
      shown = shown.then(() => (event.id > lastId() ? show([event]) : undefined));
    });
    // It may end at any moment, which `closed` tells.
    await connection.request('subscribe', { since: lastId(), types: null }).catch(() => null);
    await connection.closed;
    await shown;
    connection = await findSupervisor(folder, context.version);
  }
  // Its last words may have been written down only.
  const record = await openRecord(folder, () => {});
  if (record) for (const page of storedEvents(record, { sinceId: lastId() })) await show(page);
  record?.close();
  context.stderr.write('the system is down: nothing is running any more\n');
  return EXIT.done;
}

function filterOf({ since, organ, type }: EventsOptions): (event: SystemEvent) => boolean {
  const unknown = type?.filter((name) => !EVENT_TYPES.includes(name as EventType)) ?? [];
  if (unknown.length > 0) {
    fail('usage', `there is no event type ${unknown.join(', ')}`, `There are: ${EVENT_TYPES.join(', ')}.`);
  }
  const names = organ && new Set(organ);
  const types = type && new Set(type);
  const from = since === undefined ? '' : new Date(since).toISOString();
  return (event) =>
    event.ts >= from &&
    (!types || types.has(event.type)) &&
    (!names || names.has(event.organ ?? '') || names.has(event.instance ?? ''));
}
