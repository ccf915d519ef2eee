import { readFileSync } from 'node:fs';
import { clearLatch, readLatch } from '../../adapters/latch.ts';
import { EXIT, fail } from '../../core/failures.ts';
import { failWith } from '../bring-down.ts';
import { defineCommand } from '../command.ts';
import type { Connection } from '../connection.ts';
import { findSupervisor } from '../daemons.ts';
import { Departure } from '../departure.ts';
import { locateState } from '../locate.ts';

export interface EmergencyOptions {
  clear?: true;
}

export const command = defineCommand<EmergencyOptions>({
  declare: (command) =>
    command
      .description(
        'Shut everything down at once, in reverse order within emergency.deadline, and let nothing start again until it is cleared.',
      )
      .argument('[reason...]', 'why, for the record')
      .option('--clear', 'allow booting again'),
  examples: [
    { line: 'azora emergency keys have leaked', what: 'shut down, with the reason in the history' },
    { line: 'azora emergency --clear', what: 'afterwards: allow booting again' },
  ],
  async run(context, words, options) {
    const folder = locateState(context);
    if (options.clear) {
      const connection = await findSupervisor(folder, context.version);
      connection?.close();
      const latch = readLatch(folder);
      if (connection?.hello.bootId && latch) {
        return fail('emergency', 'the emergency shutdown is not over yet', 'azora status shows what is left');
      }
      clearLatch(folder);
      context.stderr.write(
        latch ? `cleared; it was: ${latch.reason}\n  Boot again: azora up\n` : 'there is no emergency to clear\n',
      );
      return EXIT.done;
    }
    const connection = await findSupervisor(folder, context.version);
    if (!connection) return fail('not-running', 'nothing is running, so there is nothing to shut down');
    const reason = words.length > 0 ? words.join(' ') : 'asked for by a user (azora emergency)';
    const report = await shutDown(await Departure.of(folder, context.version), connection, reason);
    if (report && context.global.progress !== 'quiet') context.stdout.write(`${readFileSync(report, 'utf8')}\n`);
    context.stderr.write(
      `everything is down, and stays down until: azora emergency --clear${report ? `\n  The report is kept in ${report}` : ''}\n`,
    );
    return EXIT.done;
  },
});

/** Resolves, with the path of the report, when all is down and the daemons are gone too. */
async function shutDown(departure: Departure, connection: Connection, reason: string): Promise<string | null> {
  departure.expect(connection);
  try {
    const { survivors, report } = await connection.request('emergency', { reason }, null);
    if (survivors.length > 0) failWith(survivors);
    await departure.over(connection);
    return report;
  } finally {
    departure.cancel();
  }
}
