import { Command } from 'commander';
import { COMMANDS } from '../src/cli/commands/index.ts';
import { declareCommand, globalOptions } from '../src/cli/declare.ts';

/** Command lines as pages show them: which of them are azora's, and whether it would take them. */

/** Of a block of shell; comments and redirections aside. */
export function commandLines(block: string): string[] {
  return block
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').replace(/^sudo /, ''))
    .filter((line) => line.startsWith('azora '))
    .map((line) => line.replace(/\s+[>|].*$/, ''));
}

/** Why azora would not take this line, or null. Nothing is carried out. */
export async function refusal(line: string): Promise<string | null> {
  const [program, ...args] = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
  if (program !== 'azora') return `${line} is no command line of azora`;
  const root = new Command('azora').exitOverride().enablePositionalOptions();
  for (const option of globalOptions()) root.addOption(option);
  for (const { name, aliases, load } of COMMANDS) {
    const command = root.command(name).aliases(aliases);
    declareCommand(command, (await load()).command);
    command.action(() => {});
  }
  for (const command of [root, ...root.commands]) command.configureOutput({ writeErr: () => {}, writeOut: () => {} });
  try {
    await root.parseAsync(args, { from: 'user' });
    return null;
  } catch (error) {
    return `${line}: ${(error as Error).message}`;
  }
}
