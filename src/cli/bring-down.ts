import { monotonic } from '../adapters/clock.ts';
import type { Survivor } from '../adapters/control/protocol.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { SystemEvent } from '../core/events.ts';
import { FailureError, fail } from '../core/failures.ts';
import { humanDuration } from '../core/time.ts';
import type { CommandContext } from './command.ts';
import type { Connection } from './connection.ts';
import { findSupervisor } from './daemons.ts';
import { Departure } from './departure.ts';
import { Departures, stoppingView } from './render/stopping.ts';
import { count, list, oneLine } from './render/text.ts';

export interface DownRequest {
  /** For each organ, instead of its own; null: its own. */
  readonly timeoutMs: number | null;
  /** SIGKILL at once. */
  readonly force: boolean;
}

/** A supervisor that is killed while it stops things is replaced, and the next one is asked again: this often. */
const ATTEMPTS = 8;

/**
 * Stops the whole system and shows whom it waits for. Resolves when supervisor and keeper are gone too; fails with
 * `stop-incomplete`, naming what is left.
 */
export async function bringDown(
  context: CommandContext,
  folder: StateFolder,
  connection: Connection,
  request: DownRequest,
  /** Resolves when whoever waits has lost patience: then everything is killed. */
  impatience: Promise<void> = new Promise(() => {}),
): Promise<void> {
  const startedAt = monotonic();
  const departure = await Departure.of(folder, context.version);
  let current: Connection | null = connection;
  let stopped = 0;
  for (let attempt = 1; current; attempt++) {
    try {
      departure.expect(current);
      const outcome = await downOnce(context, current, request, impatience);
      stopped = Math.max(stopped, outcome.stopped);
      if (outcome.survivors.length > 0) failWith(outcome.survivors);
      break;
    } catch (error) {
      const died = error instanceof FailureError && error.failure.kind === 'unreachable';
      if (!died || attempt === ATTEMPTS) {
        departure.cancel();
        throw error;
      }
      context.stderr.write('The supervisor ended before everything was down; asking the next one.\n');
      current = await findSupervisor(folder, context.version);
    }
  }
  await departure.over(current);
  if (context.global.progress === 'quiet' || context.global.progress === 'json') return;
  const took = humanDuration(monotonic() - startedAt);
  context.stderr.write(`${context.stderr.style.green('down')}: ${count(stopped, 'instance')} stopped in ${took}\n`);
}

async function downOnce(
  context: CommandContext,
  connection: Connection,
  request: DownRequest,
  impatience: Promise<void>,
): Promise<{ survivors: readonly Survivor[]; stopped: number }> {
  // All three at once: the supervisor takes them up in this order, so that the status is that of before.
  let see = (event: SystemEvent): void => void early.push(event);
  const early: SystemEvent[] = [];
  connection.onEvent((event) => see(event));
  const asked = connection.request('status', { usage: false });
  const answered = Promise.all([
    connection.request('subscribe', { since: null, types: null }),
    connection.request('down', request, null),
  ]);
  answered.catch(() => {}); // heard below, unless there is no status either
  const { organs } = await asked;
  const departures = new Departures(organs);
  const view = stoppingView(departures, context, context.global.progress);
  see = (event) => view.event(event);
  early.forEach(see);
  void impatience.then(() => {
    if (departures.words(0) !== null) context.stderr.write('\nkilling what is left\n');
    // Its answer is that of the first request.
    connection.request('down', { ...request, force: true }, null).catch(() => {});
  });
  try {
    const [, { survivors }] = await answered;
    return { survivors, stopped: departures.total };
  } finally {
    await view.end();
  }
}

/** Names every process that is left: `down` then exits 1. */
export function failWith(survivors: readonly Survivor[]): never {
  const pids = survivors.flatMap(({ processes }) => processes.map(({ pid }) => pid));
  const named = survivors.map(({ instance, processes }) => {
    const which = processes.map(({ pid, command }) => `pid ${pid} (${oneLine(command)})`);
    return `${instance}: ${list(which)}`;
  });
  return fail(
    'stop-incomplete',
    `could not stop everything; left is ${named.join('; ')}`,
    `SIGKILL did not end it, so it waits inside the kernel: ps -o pid,stat,wchan,args -p ${pids.join(',')}   then   azora down`,
  );
}
