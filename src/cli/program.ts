import { Command, CommanderError } from 'commander';
import { describeVersion } from '../adapters/version.ts';
import { EXIT } from '../core/failures.ts';
import type { CommandContext, GlobalOptions } from './command.ts';
import type { CommandEntry } from './commands/index.ts';
import { COMMANDS } from './commands/index.ts';
import { declareCommand, examplesText, globalOptions } from './declare.ts';

interface Outcome {
  code: number;
}

/** Reads a command line and does what it says; answers the exit code. Rejects as commands do. */
export async function runProgram(words: readonly string[], outside: Omit<CommandContext, 'global'>): Promise<number> {
  const outcome: Outcome = { code: EXIT.done };
  try {
    await buildProgram(outside, outcome, words[0]).parseAsync(words, { from: 'user' });
    return outcome.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    throw error;
  }
}

/** @param first the first word: where it is a command's name, the others need not be known */
function buildProgram(outside: Omit<CommandContext, 'global'>, outcome: Outcome, first: string | undefined): Command {
  const { stdout, stderr } = outside;
  const program = new Command('azora')
    .description(
      'A process supervisor: starts plain child processes in dependency order, watches, heals and explains them.',
    )
    .usage('[options] <command>')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, `${stderr.style.red('azora:')} `)),
      getOutHelpWidth: () => Math.min(stdout.columns, 100),
      getErrHelpWidth: () => Math.min(stderr.columns, 100),
      getOutHasColors: () => stdout.style.level > 0,
      getErrHasColors: () => stderr.style.level > 0,
    })
    .enablePositionalOptions()
    .helpCommand(false)
    .version(describeVersion(), '-V, --version', 'print the version, the commit and the Node.js it runs on')
    .helpOption('-h, --help', 'show help')
    .addHelpText(
      'after',
      examplesText([
        { line: 'azora up', what: 'boot the system of the nearest azora.yaml, then stream its logs' },
        { line: 'azora up -d', what: 'boot it in the background' },
        { line: 'azora status', what: 'see how it is' },
        { line: 'azora <command> --help', what: 'more about a command' },
      ]),
    );
  for (const option of globalOptions()) program.addOption(option);
  const typed = COMMANDS.filter(({ name, aliases }) => name === first || aliases.some((alias) => alias === first));
  addCommands(program, typed.length > 0 ? typed : COMMANDS, outside, outcome);
  return program;
}

/** Every command is listed by name; the file of the one that was typed is loaded before its arguments are parsed. */
function addCommands(
  program: Command,
  commands: readonly CommandEntry[],
  outside: Omit<CommandContext, 'global'>,
  outcome: Outcome,
): void {
  const entries = new Map<Command, CommandEntry>();
  for (const entry of commands) {
    const command = program.command(entry.name).summary(entry.summary).description(sentence(entry.summary));
    entries.set(command.aliases(entry.aliases), entry);
  }
  program.hook('preSubcommand', async (_, command) => {
    const entry = entries.get(command);
    if (!entry) return;
    const { command: module } = await entry.load();
    declareCommand(command, module);
    command.action(async () => {
      outcome.code = await module.run(
        { ...outside, global: readGlobal(program, command) },
        command.args,
        command.opts(),
      );
    });
  });
}

/** Given after the command's name they win over those before it. */
function readGlobal(program: Command, command: Command): GlobalOptions {
  const before = program.opts();
  const after = command.opts();
  return {
    file: after.file ?? before.file,
    stateDir: after.stateDir ?? before.stateDir,
    progress: after.progress ?? before.progress ?? 'auto',
  };
}

const sentence = (text: string): string => `${text[0]?.toUpperCase()}${text.slice(1)}.`;
