import { EXIT } from '../../core/failures.ts';
import { bringDown } from '../bring-down.ts';
import { defineCommand } from '../command.ts';
import { findSupervisor } from '../daemons.ts';
import { locateState } from '../locate.ts';
import { durationOption } from '../options.ts';

export interface DownOptions {
  timeout?: number;
  force?: true;
}

export const command = defineCommand<DownOptions>({
  declare: (command) =>
    command
      .description('Stop everything, dependents first, and wait until every process of every organ is gone.')
      .option(
        '-t, --timeout <duration>',
        'how long each organ may take before it is killed (default: its own)',
        durationOption,
      )
      .option('--force', 'kill at once'),
  examples: [
    { line: 'azora down', what: 'stop the system' },
    { line: 'azora down -t 2s', what: 'give each organ two seconds at most' },
    { line: 'azora down --force', what: 'kill it' },
  ],
  async run(context, _, options) {
    const folder = locateState(context);
    const connection = await findSupervisor(folder, context.version);
    if (!connection) {
      context.stderr.write('nothing is running\n');
      return EXIT.done;
    }
    await bringDown(context, folder, connection, { timeoutMs: options.timeout ?? null, force: options.force ?? false });
    return EXIT.done;
  },
});
