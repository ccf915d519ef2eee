import { Option } from 'commander';
import { defineCommand } from '../command.ts';
import { type StatusOptions, showStatus } from '../show-status.ts';

export const command = defineCommand<StatusOptions>({
  declare: (command) =>
    command
      .argument('[organ...]', 'only these organs or instances')
      .option('--json', 'one JSON document (with --watch: one a line)')
      .option('--watch', 'keep showing it as it changes, until Ctrl-C')
      .addOption(new Option('--by <what>', 'group the organs').choices(['category']))
      .option('-q, --quiet', 'only the names of the instances')
      .option('--exit-code', 'end with 0 when Operational, else with 1'),
  examples: [
    { line: 'azora status', what: 'every organ' },
    { line: 'azora status mint --json', what: 'one organ, for a script' },
    { line: 'azora status --exit-code -q mint', what: '0 when the system is Operational' },
    { line: 'azora status --watch --by category', what: 'a live overview' },
  ],
  run: showStatus,
});
