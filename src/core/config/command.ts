/**
 * A command's text → what to execute. Plain words run without a shell, so that the organ itself is the child and gets the signals;
 * whatever needs a shell (its syntax or one of its builtins) runs as `/bin/sh -c text`. Words that run without a shell are split and
 * unquoted as sh would; in doubt the shell decides, so both ways mean the same.
 */
import type { CommandLine } from './model.ts';
import { showReferences } from './references.ts';

/** Words that mean something to the shell itself when they come first. */
const SHELL_WORDS = new Set(
  (
    '. : [ alias bg break case cd command continue do done echo elif else esac eval exec exit export false fc fg fi for function ' +
    'getopts hash if in jobs kill let local printf pwd read readonly return select set shift source test then time times trap true ' +
    'type ulimit umask unalias unset until wait while {  } !'
  ).split(/\s+/),
);

/** Characters that, unquoted, are the shell's: operators, expansions, patterns. */
const SHELL_CHARACTERS = new Set('|&;<>()$`*?[]{}\n');

/** What a command means; `null` when it is empty; `{ error }` when a quote is left open. */
export function parseCommand(written: string | readonly string[]): CommandLine | { readonly error: string } {
  if (typeof written !== 'string') {
    const [program, ...rest] = written;
    if (program === undefined || program === '') return { error: 'the command is empty' };
    return { shell: false, argv: [program, ...rest], text: showReferences(written.map(quoteWord).join(' ')) };
  }
  const text = written.trim();
  if (text === '') return { error: 'the command is empty' };
  const words = splitWords(text);
  if (words === 'open quote') return { error: 'the command has a quote without its partner' };
  const [program, ...rest] = words === 'shell' ? [] : words;
  const shown = showReferences(text);
  if (program === undefined || program === '') return { shell: true, argv: ['/bin/sh', '-c', text], text: shown };
  return { shell: false, argv: [program, ...rest], text: shown };
}

/** A word as the shell must see it to be that word. */
export function quoteWord(word: string): string {
  // A reference's mark (between NULs) is filled in later with a host, a port or a URL, none of which needs quotes.
  return /^[\w@%+=:,./\0-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The words of a text without shell syntax; 'shell' when there is some. */
function splitWords(text: string): string[] | 'shell' | 'open quote' {
  const words: string[] = [];
  let word: string | null = null;
  let quoted = false;
  let needsShell = false;
  const end = () => {
    if (word === null) return;
    if (words.length === 0 && !quoted && (SHELL_WORDS.has(word) || /^[A-Za-z_]\w*=/.test(word))) needsShell = true;
    words.push(word);
    word = null;
    quoted = false;
  };

  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === ' ' || char === '\t') {
      end();
    } else if (char === "'") {
      const close = text.indexOf("'", i + 1);
      if (close < 0) return 'open quote';
      word = (word ?? '') + text.slice(i + 1, close);
      quoted = true;
      i = close;
    } else if (char === '"') {
      quoted = true;
      word ??= '';
      for (i++; text[i] !== '"'; i++) {
        if (i >= text.length) return 'open quote';
        if (text[i] === '$' || text[i] === '`') needsShell = true;
        if (text[i] === '\\' && i + 1 < text.length && '$`"\\\n'.includes(text[i + 1]!)) {
          i++;
          if (text[i] === '\n') continue;
        }
        word += text[i];
      }
    } else if (char === '\\') {
      const next = text[++i];
      if (next === undefined) return 'shell';
      if (next === '\n') continue;
      word = (word ?? '') + next;
      quoted = true;
    } else if (SHELL_CHARACTERS.has(char) || (word === null && (char === '#' || char === '~'))) {
      needsShell = true;
      word = (word ?? '') + char;
    } else {
      word = (word ?? '') + char;
    }
  }
  end();
  return needsShell ? 'shell' : words;
}
