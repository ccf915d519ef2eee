import { EXIT, fail } from '../../core/failures.ts';
import { defineCommand } from '../command.ts';
import { requireSupervisor } from '../reload.ts';
import { settle } from '../settle.ts';

export const command = defineCommand({
  declare: (command) =>
    command
      .description('Change how many instances organs have, until azora.yaml is read again.')
      .argument('<organ=n...>', 'an organ and its number of instances'),
  examples: [{ line: 'azora scale analytics=3', what: 'one more than before, say; the others go on' }],
  async run(context, words) {
    const organs = Object.fromEntries(words.map(parse));
    const { connection, folder } = await requireSupervisor(context);
    const { starting, plan, since } = await connection.request('scale', { organs }, 60_000);
    const failed = await settle(context, folder, connection, { starting, plan, since });
    return failed ? EXIT.failed : EXIT.done;
  },
});

function parse(word: string): [string, number] {
  const match = /^([a-z][a-z0-9-]*)=(\d{1,9})$/.exec(word);
  if (!match) fail('usage', `"${word}" is not an organ and a number`, 'for example: azora scale analytics=3');
  return [match![1]!, Number(match![2])];
}
