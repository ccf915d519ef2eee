import { Option } from 'commander';
import { fail } from '../../core/failures.ts';
import { defineCommand } from '../command.ts';
import { locateState } from '../locate.ts';
import { durationOption } from '../options.ts';
import { runQuery } from '../query/run.ts';

interface QueryOptions {
  readonly json?: true;
  readonly csv?: true;
  /** ms. */
  readonly timeout?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;

export const command = defineCommand<QueryOptions>({
  declare: (command) =>
    command
      .description(
        'Ask the history in SQL (SQLite). The views organs, instances, health, health_history, events, boots, exits, checks and ' +
          'metrics stay the same from version to version. Only reads; needs nothing to be running.',
      )
      .argument('<sql>', 'one statement that reads')
      .addOption(new Option('--json', 'an array of objects, one for each row').conflicts('csv'))
      .option('--csv', 'comma-separated values, with a heading')
      .option('-t, --timeout <duration>', 'how long it may take (default: 30s)', durationOption),
  examples: [
    {
      line: 'azora query "select instance, restarts from instances order by restarts desc"',
      what: 'who restarts most',
    },
    {
      line: 'azora query --json "select ts, message from events where type = \'organ-failed\'"',
      what: 'every failure, for a script',
    },
  ],
  async run(context, [sql = ''], { json, csv, timeout }) {
    if (sql.trim() === '') fail('usage', 'the query is empty', 'azora query "select * from events"');
    const folder = locateState(context);
    const format = json ? 'json' : csv ? 'csv' : 'table';
    return runQuery(context, { database: folder.database, sql, format }, timeout ?? DEFAULT_TIMEOUT_MS);
  },
});
