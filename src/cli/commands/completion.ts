import { Argument } from 'commander';
import { EXIT, fail } from '../../core/failures.ts';
import { defineCommand } from '../command.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export const command = defineCommand({
  declare: (command) =>
    command
      .description(
        'Write the script that lets your shell complete commands, flags and their values. Names of organs are looked up when ' +
          'you press Tab: those that run, else those of azora.yaml.',
      )
      .addArgument(new Argument('<shell>', 'which one').choices(SHELLS)),
  examples: [
    { line: 'source <(azora completion bash)', what: 'in ~/.bashrc' },
    { line: 'source <(azora completion zsh)', what: 'in ~/.zshrc, after compinit' },
    { line: 'azora completion fish > ~/.config/fish/completions/azora.fish', what: 'once' },
  ],
  async run(context, [shell, ...more]) {
    if (more.length > 0) fail('usage', `azora completion takes one shell, and got "${more.join(' ')}" too`);
    const { COMMANDS } = await import('./index.ts');
    const { readGrammar } = await import('../completion/grammar.ts');
    const write = await scriptWriter(shell as Shell);
    context.stdout.write(write(await readGrammar(COMMANDS)));
    return EXIT.done;
  },
});

async function scriptWriter(shell: Shell) {
  switch (shell) {
    case 'bash':
      return (await import('../completion/bash.ts')).bashScript;
    case 'zsh':
      return (await import('../completion/zsh.ts')).zshScript;
    case 'fish':
      return (await import('../completion/fish.ts')).fishScript;
    default:
      return shell satisfies never;
  }
}
