import { EXIT } from '../../core/failures.ts';
import { defineCommand } from '../command.ts';
import { reload } from '../reload.ts';
import { collect } from './reload.ts';

export interface PlanOptions {
  json?: true;
  profile?: string[];
}

export const command = defineCommand<PlanOptions>({
  declare: (command) =>
    command
      .description('Show what a reload would do: what starts, stops and restarts, organ by organ, and why.')
      .option('--json', 'one JSON document')
      .option('--profile <profile>', 'activate this profile, instead of those of the file; may be repeated', collect),
  examples: [{ line: 'azora plan', what: 'after an edit, before azora reload' }],
  async run(context, _, options) {
    await reload(context, { dryRun: true, json: options.json ?? false, profiles: options.profile ?? null });
    return EXIT.done;
  },
});
