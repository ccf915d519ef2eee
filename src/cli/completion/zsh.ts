import type { CommandGrammar, Flag, Grammar, Operand, Values } from './grammar.ts';

/** Completion for zsh 5, by its own `_arguments`. */
export function zshScript({ globals, commands }: Grammar): string {
  return `#compdef azora
# Completion of azora for zsh. In ~/.zshrc, after compinit: source <(azora completion zsh)

_azora() {
  local curcontext=$curcontext state line ret=1
  local -a typed=("\${words[@]}")
  typeset -A opt_args
  _arguments -C -A '-*' \\
${globals.flatMap(flagSpecs).map(continued).join('')}    ': :_azora_commands' \\
    '*:: :->command' && ret=0
  [[ $state == command ]] || return ret
  case $words[1] in
${commands.map(commandCase).join('\n')}
  esac
  return ret
}

_azora_commands() {
  local -a commands=(
${commands.flatMap(({ names, summary }) => names.map((name) => `    ${quote(`${name}:${summary}`)}`)).join('\n')}
  )
  _describe command commands
}

# Names that azora knows now; --file and --state-dir are passed on.
_azora_names() {
  local what=$1 i
  shift
  local -a where names
  for ((i = 2; i < \${#typed}; i++)); do
    case $typed[i] in
      (-f|--file|--state-dir) [[ $typed[i] == -f && $words[1] == (logs|events) ]] || where+=($typed[i] \${~typed[i+1]}) ;;
      (--file=*|--state-dir=*) where+=($typed[i]) ;;
      (--) break ;;
    esac
  done
  names=(\${(f)"$(\${~\${(Q)typed[1]}} __complete $what $where 2>/dev/null </dev/null)"})
  compadd "$@" -a names
}
_azora_organs() { _azora_names organs "$@" }
_azora_instances() { _azora_names instances "$@" }
_azora_profiles() { _azora_names profiles "$@" }
_azora_counts() { _azora_names counts "$@" -S '' }

if [[ $funcstack[1] == _azora ]]; then
  _azora "$@"
else
  compdef _azora azora
fi
`;
}

function commandCase({ names, flags, operands }: CommandGrammar): string {
  const specs = [...flags.flatMap(flagSpecs), ...operands.map(operandSpec)];
  const body = specs.map((spec) => `        ${spec}`).join(' \\\n');
  return `    (${names.join('|')})\n      _arguments -s \\\n${body} && ret=0\n      ;;`;
}

const continued = (spec: string): string => `    ${spec} \\\n`;

/** One for each way to write a flag; one that was typed takes the other away, unless it may come again. */
function flagSpecs({ short, long, description, values, repeatable }: Flag): string[] {
  const flags = short === null ? [long] : [short, long];
  const before = repeatable ? '*' : flags.length > 1 ? `(${flags.join(' ')})` : '';
  const value = values === null ? '' : `:value:${action(values)}`;
  return flags.map((flag) => {
    const glue = values === null ? '' : flag.startsWith('--') ? '=' : '+';
    return quote(`${before}${flag}${glue}[${escaped(description)}]${value}`);
  });
}

const operandSpec = ({ name, variadic, values }: Operand): string =>
  quote(`${variadic ? '*' : ''}:${escaped(name)}:${action(values)}`);

function action(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `(${values.words.join(' ')})`;
    case 'names':
      return `_azora_${values.names}`;
    case 'files':
      return '_files';
    case 'folders':
      return '_files -/';
    case 'anything':
      return ' ';
    default:
      return values satisfies never;
  }
}

const escaped = (text: string): string => text.replace(/[\\[\]:]/g, '\\$&');

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
