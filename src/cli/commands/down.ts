import { defineCommand } from '../command.ts';
import { durationOption } from '../options.ts';
import { takeDown } from '../take-down.ts';

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
  run: (context, _, options) =>
    takeDown(context, { timeoutMs: options.timeout ?? null, force: options.force ?? false }),
});
