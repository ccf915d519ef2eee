import type { CommandGrammar, Flag, Grammar, Values } from './grammar.ts';

/** Completion for bash, from 3.2 (that of macOS) on, with no need of the package bash-completion. */
export function bashScript({ globals, commands }: Grammar): string {
  const names = commands.flatMap((command) => command.names);
  return `# Completion of azora for bash. In ~/.bashrc: source <(azora completion bash)

# The flags of a command.
__azora_flags() {
  case $1 in
${commands.map(({ names, flags }) => `    ${names.join('|')}) words='${flagWords(flags)}' ;;`).join('\n')}
    *) words='${flagWords(globals)}' ;;
  esac
}

# What a flag of a command takes; nothing: no value.
__azora_value() {
  case "$1 $2" in
${commands.flatMap((command) => valueCases(command)).join('\n')}
${globals.flatMap((flag) => caseOf([' '], flag)).join('\n')}
    *) values= ;;
  esac
}

# What stands at a place after a command, from 0.
__azora_operand() {
  case "$1 $2" in
${commands.flatMap(operandCases).join('\n')}
    *) values= ;;
  esac
}

_azora() {
  local azora=\${1/#\\~\\//$HOME/} line=\${COMP_LINE:0:COMP_POINT}
  local typed words values where=() command= operands=0 flag= rest= word cur i
  # Not COMP_WORDS: they are cut at = and : as well.
  read -ra typed <<<"$line"
  case $line in *[[:space:]]) typed+=('') ;; esac
  cur=\${typed[\${#typed[@]} - 1]}
  COMPREPLY=()

  for ((i = 1; i < \${#typed[@]} - 1; i++)); do
    word=\${typed[i]}
    if [[ -n $flag ]]; then
      case $flag in -f | --file | --state-dir) where+=("$flag" "\${word/#\\~\\//$HOME/}") ;; esac
      flag=
    elif [[ -n $rest ]]; then
      operands=$((operands + 1))
    else
      case $word in
        --) rest=1 ;;
        --file=* | --state-dir=*) where+=("\${word/=\\~\\//=$HOME/}") ;;
        --*=*) ;;
        -*)
          __azora_value "$command" "$word"
          [[ -n $values ]] && flag=$word
          ;;
        *) if [[ -z $command ]]; then command=$word; else operands=$((operands + 1)); fi ;;
      esac
    fi
  done

  if [[ -n $flag ]]; then
    __azora_value "$command" "$flag"
    __azora_offer "$values" "$cur"
  elif [[ -z $rest && $cur == --*=* ]]; then
    __azora_value "$command" "\${cur%%=*}"
    __azora_offer "$values" "\${cur#*=}"
    [[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=("\${COMPREPLY[@]/#/\${cur%%=*}=}")
  elif [[ -z $rest && $cur == -* ]]; then
    __azora_flags "$command"
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  elif [[ -z $command ]]; then
    COMPREPLY=($(compgen -W '${names.join(' ')}' -- "$cur"))
  else
    __azora_operand "$command" "$operands"
    __azora_offer "$values" "$cur"
  fi
}

# Offers what begins with $2: words, or what @… stands for.
__azora_offer() {
  local names
  case $1 in
    '' | @anything) ;;
    @files | @folders)
      local IFS=$'\\n' kind=-f
      [[ $1 == @folders ]] && kind=-d
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen $kind -- "$2"))
      ;;
    @*)
      names=$("$azora" __complete "\${1#@}" \${where[@]+"\${where[@]}"} 2>/dev/null </dev/null)
      [[ $1 == @counts ]] && compopt -o nospace 2>/dev/null
      COMPREPLY=($(compgen -W "$names" -- "$2"))
      ;;
    *) COMPREPLY=($(compgen -W "$1" -- "$2")) ;;
  esac
}

complete -F _azora azora
`;
}

const flagWords = (flags: readonly Flag[]): string => flags.map(({ long }) => long).join(' ');

const valueCases = ({ names, flags }: CommandGrammar): string[] => flags.flatMap((flag) => caseOf(names, flag));

/** A line of `case "command flag"`; those without a value are left to the last line. */
function caseOf(commands: readonly string[], { short, long, values }: Flag): string[] {
  if (values === null) return [];
  const flags = short === null ? [long] : [short, long];
  const patterns = commands.flatMap((command) => flags.map((flag) => `'${command === ' ' ? '' : command} ${flag}'`));
  return [`    ${patterns.join(' | ')}) values='${said(values)}' ;;`];
}

function operandCases({ names, operands }: CommandGrammar): string[] {
  return operands.map(({ variadic, values }, index) => {
    const place = variadic ? '*' : String(index);
    return `    ${names.map((name) => `'${name} '${place}`).join(' | ')}) values='${said(values)}' ;;`;
  });
}

/** Values as one word for the script. */
function said(values: Values): string {
  switch (values.kind) {
    case 'words':
      return values.words.join(' ');
    case 'names':
      return `@${values.names}`;
    default:
      return `@${values.kind}`;
  }
}
