import { EXIT, fail } from '../../core/failures.ts';
import { defineCommand } from '../command.ts';
import { runAttached } from '../one-off/attached.ts';
import { prepareOneOff } from '../one-off/prepare.ts';

export const command = defineCommand({
  declare: (command) =>
    command
      .description(
        "Run one command in an organ's place: its folder, its environment, with the ports and addresses of the system that runs " +
          "(when none runs: those that it would have). It is attached to this terminal and ends with the command's own exit " +
          "code. azora does not watch, log or restart it. Without a command it is the organ's own.",
      )
      .argument('<organ>', 'whose place')
      .argument('[command...]', 'what to run instead of the organ’s own command')
      .passThroughOptions(),
  examples: [
    { line: 'azora run web -- npm test', what: "the tests, with web's environment" },
    { line: 'azora run web -- sh', what: 'a shell there' },
    { line: 'azora run migrate', what: "the organ's own command, by hand" },
  ],
  async run(context, operands) {
    const [organ, ...rest] = operands;
    if (organ === undefined) return fail('usage', 'azora run: which organ?');
    const command = rest[0] === '--' ? rest.slice(1) : rest;
    const { argv, cwd, env } = await prepareOneOff(context, organ);
    return (await runAttached(context, { argv: command.length > 0 ? command : argv, cwd, env })) ?? EXIT.failed;
  },
});
