import type { ActResult } from '../adapters/control/protocol.ts';
import type { ExitCode } from '../core/failures.ts';
import { EXIT, fail } from '../core/failures.ts';
import { failWith } from './bring-down.ts';
import type { CommandContext, CommandModule } from './command.ts';
import { defineCommand } from './command.ts';
import { findSupervisor } from './daemons.ts';
import { lastLinesOf } from './last-lines.ts';
import { locateState } from './locate.ts';
import { durationOption } from './options.ts';
import { persistently } from './persistently.ts';
import { jsonView, plainView, quietView } from './render/boot/view.ts';
import { oneLine } from './render/text.ts';

type Verb = 'start' | 'stop' | 'restart';

export interface ActOptions {
  timeout?: number;
}

/** `start`, `stop` and `restart` differ by one word. */
export function actCommand(
  verb: Verb,
  description: string,
  examples: CommandModule['examples'],
): CommandModule<ActOptions> {
  return defineCommand<ActOptions>({
    declare(command) {
      command.description(description).argument('<organ...>', 'organs, or instances such as mint-2');
      if (verb !== 'start') {
        command.option('-t, --timeout <duration>', 'how long each may take to stop (default: its own)', durationOption);
      }
    },
    examples,
    run: (context, organs, options) => act(context, verb, organs, options.timeout ?? null),
  });
}

/** Asks, shows what happens, and says how each instance ended up. 1 when one of them did not get there. */
async function act(
  context: CommandContext,
  verb: Verb,
  organs: readonly string[],
  timeoutMs: number | null,
): Promise<ExitCode> {
  const folder = locateState(context);
  const connection = await findSupervisor(folder, context.version);
  if (!connection)
    fail('not-running', `cannot ${verb} ${organs.join(', ')}: nothing is running`, `Start the system: azora up`);
  const { progress } = context.global;
  const outputs = { ...context, lastLines: lastLinesOf(folder) };
  const view = progress === 'json' ? jsonView(context) : progress === 'quiet' ? quietView(outputs) : plainView(outputs);
  const asked = await persistently(
    connection,
    () => findSupervisor(folder, context.version),
    async (present) => {
      present.onEvent((event) => view.event(event));
      await present.request('subscribe', { since: null, types: null });
      return present.request('act', { verb, organs, timeoutMs }, null);
    },
  ).finally(() => view.end());
  const result = asked.answer;
  asked.connection.close();
  if (result.survivors.length > 0) failWith(result.survivors);
  if (progress !== 'json') context.stdout.write(renderResult(result));
  return result.instances.some(({ state }) => !reached(verb, state)) ? EXIT.failed : EXIT.done;
}

function reached(verb: Verb, state: string): boolean {
  return verb === 'stop' ? ['stopped', 'completed', 'failed'].includes(state) : ['ready', 'completed'].includes(state);
}

function renderResult({ instances }: ActResult): string {
  return instances
    .map(({ instance, state, reason }) => `${instance} ${state}${reason ? `: ${oneLine(reason)}` : ''}\n`)
    .join('');
}
