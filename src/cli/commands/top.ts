import { fail } from '../../core/failures.ts';
import { defineCommand } from '../command.ts';
import { findSupervisor } from '../daemons.ts';
import { locateState } from '../locate.ts';

export const command = defineCommand({
  declare: (command) =>
    command.description(
      'Look on, full screen: every organ with its processor and memory over time, what they write, who needs whom. Keys start, ' +
        'stop and restart the selected one; ? lists them. Leaving (q, Ctrl-C) leaves the system alone.',
    ),
  examples: [
    { line: 'azora top', what: 'all of it' },
    { line: 'azora status --watch', what: 'the table alone, also where there is no terminal' },
  ],
  async run(context, operands) {
    if (operands.length > 0) fail('usage', `azora top takes no operands, and got "${operands.join(' ')}"`);
    if (!context.stdout.isTTY || !process.stdin.isTTY) {
      fail('usage', 'azora top needs a terminal, for what it shows and for keys', 'Without one: azora status --watch');
    }
    const folder = locateState(context);
    const connection = await findSupervisor(folder, context.version);
    if (!connection) fail('not-running', 'nothing is running that could be looked at', 'Start it: azora up');
    const { runTop } = await import('../top/session.ts');
    return runTop(context, folder, connection);
  },
});
