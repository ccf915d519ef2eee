import type { CommandGrammar, Flag, Grammar, Values } from './grammar.ts';

/** Completion for fish 3 and later. */
export function fishScript({ globals, commands }: Grammar): string {
  return `# Completion of azora for fish. Once: azora completion fish > ~/.config/fish/completions/azora.fish

# Succeeds when a flag ($2) of a command ($1) takes the next word as its value.
function __azora_takes_value
    switch "$argv[1] $argv[2]"
${takingCases(globals, commands)}
            return 0
    end
    return 1
end

# The command that was typed and the operands after it, one a line; --file and --state-dir with --where.
function __azora_typed
    set -l command
    set -l flag
    set -l operands
    set -l where
    set -l rest
    for word in (commandline -opc)[2..-1]
        if test -n "$flag"
            contains -- $flag -f --file --state-dir; and set -a where $flag $word
            set flag
        else if test -n "$rest"
            set -a operands $word
        else if test "$word" = --
            set rest 1
        else if string match -qr -- '^--(file|state-dir)=' $word
            set -a where $word
        else if string match -q -- '-*' $word
            __azora_takes_value "$command" $word; and set flag $word
        else if test -z "$command"
            set command $word
        else
            set -a operands $word
        end
    end
    if contains -- --where $argv
        string join \\n -- $where
    else
        string join \\n -- $command $operands
    end
end

# Succeeds when one of these commands was typed (-: none yet), with as many operands as --at says.
function __azora_at
    argparse 'at=' -- $argv
    set -l typed (__azora_typed)
    if test (count $typed) -eq 0
        contains -- - $argv
        return
    end
    contains -- $typed[1] $argv; or return
    test -z "$_flag_at"; or test (count $typed) -eq (math $_flag_at + 1)
end

function __azora_names
    set -l azora (string replace -r '^~/' $HOME/ -- (commandline -opc)[1])
    $azora __complete $argv (__azora_typed --where) 2>/dev/null </dev/null
end

complete -c azora -f
${commands.flatMap(({ names, summary }) => names.map((name) => offer("'__azora_at -'", `-a ${name}`, summary))).join('\n')}
${globals.map((flag) => offer("'__azora_at -'", flagWords(flag), flag.description)).join('\n')}
${commands.map(commandLines).join('\n')}
`;
}

function commandLines({ names, flags, operands }: CommandGrammar): string {
  const lines = flags.map((flag) => offer(`'__azora_at ${names.join(' ')}'`, flagWords(flag), flag.description));
  for (const [index, { name, variadic, values }] of operands.entries()) {
    const words = offered(values);
    const at = variadic ? '' : ` --at ${index}`;
    if (words !== '') lines.push(offer(`'__azora_at ${names.join(' ')}${at}'`, words, name));
  }
  return lines.join('\n');
}

const offer = (condition: string, what: string, description: string): string =>
  `complete -c azora -n ${condition} ${what} -d ${quote(description)}`;

function flagWords({ short, long, values }: Flag): string {
  const flag = `${short === null ? '' : `-s ${short.slice(1)} `}-l ${long.slice(2)}`;
  if (values === null) return flag;
  return values.kind === 'files' ? `${flag} -r -F` : `${flag} -x ${offered(values)}`.trimEnd();
}

function offered(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `-a '${values.words.join(' ')}'`;
    case 'names':
      return `-a '(__azora_names ${values.names})'`;
    case 'folders':
      return "-a '(__fish_complete_directories)'";
    case 'files':
      return '-F';
    case 'anything':
      return '';
    default:
      return values satisfies never;
  }
}

/** Every flag that takes a value, before any command and after each. */
function takingCases(globals: readonly Flag[], commands: readonly CommandGrammar[]): string {
  const all = [{ names: [''], flags: globals }, ...commands];
  const cases = all.map(({ names, flags }) => {
    const taking = flags.filter(({ values }) => values !== null).flatMap(({ short, long }) => [short, long]);
    const words = taking.filter((flag) => flag !== null);
    return names.flatMap((name) => words.map((flag) => `'${name} ${flag}'`)).join(' ');
  });
  return `        case ${cases.join(' \\\n            ')}`;
}

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
