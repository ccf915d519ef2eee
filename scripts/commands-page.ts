/** The reference page of the command line, from the definitions of the commands. */
import { Command, type Option } from 'commander';
import { COMMANDS, type CommandEntry } from '../src/cli/commands/index.ts';
import { globalOptions } from '../src/cli/declare.ts';

const HEAD = `# The commands

<!-- Generated from src/cli/commands by \`npm run generate\`. Do not edit. -->

    azora [--file F] [--state-dir D] [--no-color] [--progress HOW] <command>

Data goes to stdout, progress and diagnostics to stderr. What is piped has no colours, is not cut and not animated; NO_COLOR, FORCE_COLOR and
TERM=dumb are respected. \`azora <command> --help\` says the same as this page. For bash, zsh and fish there is
[completion](#completion), which knows the names of your organs.

Exit codes: 0 done · 1 an organ, a check or the boot failed · 2 usage or configuration error · 3 nothing is running · 4 the system belongs
to another supervisor, or it cannot be reached · 5 emergency shutdown · 124 timed out · 130, 143 ended by Ctrl-C, SIGTERM.
`;

export async function commandsPage(): Promise<string> {
  const sections = await Promise.all(COMMANDS.map(section));
  const list = COMMANDS.map(({ name, summary }) => `- [${name}](#${name}): ${summary}`).join('\n');
  const globals = `## For every command\n\n${optionTable(globalOptions())}`;
  return [HEAD, list, '', globals, ...sections].join('\n');
}

async function section({ name, aliases, summary, load }: CommandEntry): Promise<string> {
  const { command: module } = await load();
  const command = new Command(name).description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`);
  module.declare(command);
  const usage = [
    'azora',
    name,
    command.options.length > 0 ? '[options]' : '',
    command.usage().replace('[options]', ''),
  ];
  const operands = command.registeredArguments.filter(({ description }) => description);
  const lines = [
    `## ${name}`,
    '',
    `    ${usage.join(' ').replace(/\s+/g, ' ').trim()}`,
    '',
    `${prose(command.description())}${aliases.length > 0 ? ` Also: ${aliases.map((alias) => `\`azora ${alias}\``).join(', ')}.` : ''}`,
    '',
    ...operands.map(
      (operand) => `- \`${operand.name()}\`: ${prose(operand.description)}${choices(operand.argChoices)}`,
    ),
    ...(operands.length > 0 ? [''] : []),
    ...(command.options.length > 0 ? [optionTable(command.options)] : []),
    '```sh',
    ...module.examples.flatMap(({ line, what }) => [`${line}    # ${what}`]),
    '```',
    '',
  ];
  return lines.join('\n');
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map(
    ({ flags, description, argChoices }) =>
      `| \`${cell(flags)}\` | ${cell(prose(description))}${choices(argChoices)} |`,
  );
  return ['| flag | meaning |', '|---|---|', ...rows, ''].join('\n');
}

const choices = (words: readonly string[] | undefined): string =>
  words ? ` (${words.map((word) => `\`${word}\``).join(', ')})` : '';

/** Text of a terminal as Markdown: what looks like a tag or emphasis is neither. */
const prose = (text: string): string => text.replace(/[<>*_[\]]/g, '\\$&');

const cell = (text: string): string => text.replaceAll('|', '\\|');
