import { fail } from '../../core/failures.ts';
import { defineCommand } from '../command.ts';
import { durationOption, namesOption } from '../options.ts';
import { up } from '../up/up.ts';

export interface UpOptions {
  detach?: true;
  /** Commander's way of saying --no-deps: false. */
  deps?: boolean;
  profile?: readonly string[];
  waitTimeout?: number;
  abortOnFailure?: true;
  exitCodeFrom?: string;
  fresh?: true;
  clearEmergency?: true;
}

export const command = defineCommand<UpOptions>({
  declare: (command) =>
    command
      .description(
        'Boot the system, or some organs and what they need, then stay and stream logs; Ctrl-C stops it, a second one kills it. ' +
          'On a running system, start what is missing and return.',
      )
      .argument('[organ...]', 'only these and what they need')
      .option('-d, --detach', 'return once the system is ready; it belongs to no terminal')
      .option('--no-deps', 'do not start what the organs need')
      .option(
        '--profile <profile>',
        'activate this profile, instead of those of the file (may be repeated)',
        namesOption,
      )
      .option('--wait-timeout <duration>', 'give up (124) when it is not ready by then', durationOption)
      .option('--abort-on-failure', 'when an organ fails for good, stop everything and end with 1')
      .option('--exit-code-from <organ>', "when this organ ends, stop everything and end with the organ's code")
      .option('--clear-emergency', 'boot although the last thing was an emergency shutdown')
      .option('--fresh', 'forget which organs were stopped by hand before'),
  examples: [
    { line: 'azora up', what: 'boot and stream logs' },
    { line: 'azora up -d --wait-timeout 2m', what: 'boot in the background, for two minutes at most' },
    { line: 'azora up mint', what: 'mint and what it needs' },
    { line: 'azora up --profile dev', what: 'with the organs of a profile' },
    { line: 'azora up --exit-code-from tests', what: 'run to the end of an organ, as CI does' },
  ],
  async run(context, organs, options) {
    if (options.detach && options.exitCodeFrom !== undefined) {
      fail(
        'usage',
        '--exit-code-from waits for an organ to end, and --detach returns before',
        'Leave out one of the two.',
      );
    }
    return up(
      context,
      {
        organs: organs.length === 0 ? null : organs,
        noDeps: options.deps === false,
        fresh: options.fresh ?? false,
        clearEmergency: options.clearEmergency ?? false,
        profiles: options.profile ?? null,
      },
      {
        detach: options.detach ?? false,
        waitTimeoutMs: options.waitTimeout ?? null,
        abortOnFailure: options.abortOnFailure ?? false,
        exitCodeFrom: options.exitCodeFrom ?? null,
      },
    );
  },
});
