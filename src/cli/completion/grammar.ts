import { Command, type Option } from 'commander';
import { EVENT_TYPES } from '../../core/events.ts';
import type { CommandEntry } from '../commands/index.ts';
import { declareCommand, globalOptions } from '../declare.ts';
import type { NameKind } from './names.ts';

/** What may be typed after `azora`, read from the definitions of the commands: what completion and the reference page say. */
export interface Grammar {
  readonly globals: readonly Flag[];
  readonly commands: readonly CommandGrammar[];
}

export interface CommandGrammar {
  /** Its name, then its aliases. */
  readonly names: readonly string[];
  readonly summary: string;
  /** Its own, then the global ones. */
  readonly flags: readonly Flag[];
  readonly operands: readonly Operand[];
}

export interface Flag {
  /** `-d`. */
  readonly short: string | null;
  /** `--detach`. */
  readonly long: string;
  readonly description: string;
  /** Of its value; null: it takes none. */
  readonly values: Values | null;
  readonly repeatable: boolean;
}

export interface Operand {
  readonly name: string;
  /** This one, and all after it. */
  readonly variadic: boolean;
  readonly values: Values;
}

/** What can stand there. */
export type Values =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  /** Asked for when somebody presses Tab. */
  | { readonly kind: 'names'; readonly names: NameKind }
  | { readonly kind: 'files' | 'folders' | 'anything' };

/** `azora up` and `azora run` begin what the file declares, as a whole; the others speak of instances too. */
const OF_THE_FILE: ReadonlySet<string> = new Set(['up', 'run']);

export async function readGrammar(entries: readonly CommandEntry[]): Promise<Grammar> {
  const commands = entries.map(async (entry): Promise<CommandGrammar> => {
    const command = new Command(entry.name);
    declareCommand(command, (await entry.load()).command);
    const options = [...command.options, command.createOption('-h, --help', 'show help')];
    return {
      names: [entry.name, ...entry.aliases],
      summary: entry.summary,
      flags: options.map((option) => flagOf(option, entry.name)),
      operands: command.registeredArguments.map((argument) => ({
        name: argument.name(),
        variadic: argument.variadic,
        values: valuesOf(argument.name(), argument.argChoices, entry.name),
      })),
    };
  });
  const own = new Command('azora');
  const globals = [
    ...globalOptions(),
    own.createOption('-V, --version', 'print the version, the commit and the Node.js it runs on'),
    own.createOption('-h, --help', 'show help'),
  ];
  return { globals: globals.map((option) => flagOf(option, 'azora')), commands: await Promise.all(commands) };
}

function flagOf(option: Option, command: string): Flag {
  const placeholder = /[<[]([^\]>]+)[\]>]/.exec(option.flags)?.[1];
  return {
    short: option.short ?? null,
    long: option.long!,
    description: option.description,
    values: placeholder === undefined ? null : valuesOf(placeholder, option.argChoices, command),
    repeatable: option.description.includes('may be repeated'),
  };
}

/** By the word that stands for the value in the usage line. */
function valuesOf(placeholder: string, choices: readonly string[] | undefined, command: string): Values {
  if (choices) return { kind: 'words', words: choices };
  switch (placeholder) {
    case 'organ':
      return { kind: 'names', names: OF_THE_FILE.has(command) ? 'organs' : 'instances' };
    case 'organ=n':
      return { kind: 'names', names: 'counts' };
    case 'profile':
      return { kind: 'names', names: 'profiles' };
    case 'type':
      return { kind: 'words', words: EVENT_TYPES };
    case 'file':
    case 'path':
    case 'command':
      return { kind: 'files' };
    case 'dir':
      return { kind: 'folders' };
    default:
      return { kind: 'anything' };
  }
}
