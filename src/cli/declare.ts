import { type Command, Option } from 'commander';
import type { CommandModule } from './command.ts';
import { PROGRESS } from './command.ts';

/** The options of every command. Fresh ones each time: commander's options remember whose they are. */
export function globalOptions(): Option[] {
  return [
    new Option('-f, --file <path>', 'the azora.yaml (default: $AZORA_FILE, else the nearest one upwards)'),
    new Option(
      '--state-dir <dir>',
      'where logs and state are kept (default: $AZORA_STATE_DIR, else .azora beside the file)',
    ),
    new Option('--no-color', 'no colours'),
    new Option('--progress <how>', 'how to show what happens').choices(PROGRESS),
  ];
}

/** Gives a command its own arguments and options, then the global ones: all of them, but no flag twice. */
export function declareCommand(command: Command, module: CommandModule): void {
  module.declare(command);
  command.addHelpText('after', examplesText(module.examples));
  const taken = new Set(command.options.map((option) => option.short));
  command.optionsGroup('Global options:');
  for (const option of globalOptions()) {
    if (option.short && taken.has(option.short)) delete option.short;
    option.flags = option.short ? option.flags : option.flags.replace(/^-\w, /, '');
    command.addOption(option);
  }
  command.helpOption('-h, --help', 'show help');
}

export function examplesText(examples: CommandModule['examples']): string {
  if (examples.length === 0) return '';
  const width = Math.max(...examples.map(({ line }) => line.length));
  return ['', 'Examples:', ...examples.map(({ line, what }) => `  ${line.padEnd(width)}  ${what}`)].join('\n');
}
