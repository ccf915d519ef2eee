import { Option } from 'commander';
import { graphDocument } from '../../core/dependency-view.ts';
import { EXIT, fail } from '../../core/failures.ts';
import { defineCommand } from '../command.ts';
import { namesOption } from '../options.ts';
import { readConfig } from '../read-config.ts';
import { graphDot, graphMermaid, graphTree } from '../render/graph.ts';

interface GraphOptions {
  readonly format?: 'tree' | 'mermaid' | 'dot' | 'json';
  readonly profile?: readonly string[];
}

export const command = defineCommand<GraphOptions>({
  declare: (command) =>
    command
      .description('Show who depends on whom, as azora.yaml says it. Needs nothing to be running.')
      .addOption(new Option('--format <format>', 'as what (default: tree)').choices(['tree', 'mermaid', 'dot', 'json']))
      .option(
        '--profile <profile>',
        'a profile to activate, instead of those in the file (may be repeated)',
        (name: string, names?: readonly string[]) => namesOption(name, names),
      ),
  examples: [
    { line: 'azora graph', what: 'a tree: every organ with what it needs below it' },
    { line: 'azora graph --format mermaid', what: 'for a page of documentation' },
    { line: 'azora graph --format dot | dot -Tsvg -o graph.svg', what: 'a picture, with Graphviz' },
  ],
  async run(context, operands, { format = 'tree', profile }) {
    if (operands.length > 0) fail('usage', `azora graph takes no operands, and got "${operands.join(' ')}"`);
    const document = graphDocument(await readConfig(context, profile ?? null));
    const { stdout } = context;
    switch (format) {
      case 'tree':
        stdout.write(graphTree(document, stdout.style));
        break;
      case 'mermaid':
        stdout.write(graphMermaid(document));
        break;
      case 'dot':
        stdout.write(graphDot(document));
        break;
      case 'json':
        stdout.write(`${JSON.stringify(document, null, 2)}\n`);
        break;
      default:
        format satisfies never;
    }
    return EXIT.done;
  },
});
