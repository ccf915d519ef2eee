import { EXIT } from '../../core/failures.ts';
import { defineCommand } from '../command.ts';
import { reload } from '../reload.ts';

export interface ReloadOptions {
  dryRun?: true;
  json?: true;
  profile?: string[];
}

export const command = defineCommand<ReloadOptions>({
  declare: (command) =>
    command
      .description(
        'Read azora.yaml again and take on what differs: only what changed restarts, in order, dependents as declared. A broken file changes nothing.',
      )
      .option('--dry-run', 'only show what it would do (azora plan)')
      .option('--json', 'the plan as one JSON document')
      .option('--profile <profile>', 'activate this profile, instead of those of the file; may be repeated', collect),
  examples: [
    { line: 'azora reload', what: 'take on what was edited' },
    { line: 'azora reload --dry-run', what: 'what starts, stops and restarts, and why' },
  ],
  async run(context, _, options) {
    await reload(context, {
      dryRun: options.dryRun ?? false,
      json: options.json ?? false,
      profiles: options.profile ?? null,
    });
    return EXIT.done;
  },
});

export const collect = (name: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  ...name.split(','),
];
