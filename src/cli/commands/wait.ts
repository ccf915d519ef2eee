import { Option } from 'commander';
import { monotonic } from '../../adapters/clock.ts';
import type { StateFolder } from '../../adapters/state-folder.ts';
import type { ExitCode } from '../../core/failures.ts';
import { EXIT, FailureError, fail } from '../../core/failures.ts';
import type { Goal, Outcome } from '../../core/goal.ts';
import type { CommandContext } from '../command.ts';
import { defineCommand } from '../command.ts';
import { findSupervisor } from '../daemons.ts';
import { exitCodeOf } from '../exit-code.ts';
import { locateState } from '../locate.ts';
import { durationOption } from '../options.ts';
import { oneLine } from '../render/text.ts';

interface WaitOptions {
  readonly for?: Goal;
  readonly timeout?: number;
}

/** Beyond any deadline that the supervisor keeps itself: it may have been killed, or be paused. */
const GRACE_MS = 5_000;

export const command = defineCommand<WaitOptions>({
  declare: (command) =>
    command
      .description(
        'Wait until organs have got somewhere, and return at once when they are there already. Of a task, ends with its exit ' +
          'code. Ends with 1, saying why, as soon as one can no longer get there unless someone acts: it failed, or was stopped.',
      )
      .argument('[organ...]', 'organs or instances (default: all that this boot is to start)')
      .addOption(
        new Option('--for <what>', 'what to wait for (default: a service is ready, a task is completed)').choices([
          'ready',
          'healthy',
          'completed',
          'stopped',
        ]),
      )
      .option('--timeout <duration>', 'give up after this long, with 124', durationOption),
  examples: [
    { line: 'azora wait', what: 'until everything is ready, and every task done' },
    { line: 'azora wait migrate', what: 'until that task is done; ends with its code' },
    { line: 'azora wait --for healthy --timeout 30s mint', what: 'at most half a minute' },
    { line: 'azora wait --for stopped mint', what: 'until nothing of it runs' },
  ],
  async run(context, organs, options) {
    const folder = locateState(context);
    const result = await ask(context, folder, organs, options);
    if (result === 'nothing-runs') {
      if (options.for === 'stopped') return EXIT.done;
      return fail('not-running', 'cannot wait: nothing is running', 'Start the system: azora up -d');
    }
    const { outcomes, timedOut } = result;
    const never = outcomes.filter(({ standing }) => standing === 'never');
    if (never.length > 0) return lost(context, never);
    if (timedOut) {
      const late = outcomes.filter(({ standing }) => standing === 'coming');
      const why = late.map((outcome) => `${describe(outcome)}, not ${outcome.goal}`).join('; ');
      fail('timed-out', `waited ${options.timeout} ms: ${why}`, `azora why ${late[0]?.instance ?? ''}`.trim());
    }
    return codeOf(outcomes);
  },
});

/** Asks the supervisor, and the next one where it was killed meanwhile. */
async function ask(
  context: CommandContext,
  folder: StateFolder,
  organs: readonly string[],
  options: WaitOptions,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly timedOut: boolean } | 'nothing-runs'> {
  const began = monotonic();
  for (;;) {
    const connection = await findSupervisor(folder, context.version);
    if (!connection) return 'nothing-runs';
    const timeoutMs = options.timeout === undefined ? null : Math.max(0, options.timeout - (monotonic() - began));
    try {
      const params = { organs, goal: options.for ?? null, timeoutMs };
      return await connection.request('wait', params, timeoutMs === null ? null : timeoutMs + GRACE_MS);
    } catch (error) {
      if (!(error instanceof FailureError) || error.failure.kind !== 'unreachable') throw error;
    } finally {
      connection.close();
    }
  }
}

/** A task that ended with a code of its own is not explained away: that code is the answer. */
function lost(context: CommandContext, never: readonly Outcome[]): number {
  const { stderr } = context;
  for (const outcome of never) {
    stderr.write(`${stderr.style.red('azora:')} ${describe(outcome)}: it will not be ${outcome.goal}\n`);
  }
  stderr.write(`  azora why ${never[0]!.instance}\n`);
  return codeOf(never) || EXIT.failed;
}

/** Of the first task that ended with another code than 0; 0 when there is none. */
function codeOf(outcomes: readonly Outcome[]): ExitCode | number {
  const ended = outcomes.filter(({ kind, goal, state }) => {
    return kind === 'task' && goal !== 'stopped' && (state === 'completed' || state === 'failed');
  });
  return (
    ended
      .map(({ code, signal }) => (code === null && signal === null ? 0 : exitCodeOf(code, signal)))
      .find((code) => code !== 0) ?? EXIT.done
  );
}

function describe({ instance, state, health, goal, reason }: Outcome): string {
  const how = goal === 'healthy' && state === 'ready' ? `ready, ${health}` : state;
  return `${instance} is ${how}${reason ? ` (${oneLine(reason)})` : ''}`;
}
