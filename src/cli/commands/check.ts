import type { CheckReport } from '../../adapters/control/protocol.ts';
import { EXIT, fail } from '../../core/failures.ts';
import { humanDuration } from '../../core/time.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { findSupervisor } from '../daemons.ts';
import { locateState } from '../locate.ts';
import { oneLine } from '../render/text.ts';

interface CheckOptions {
  readonly json?: true;
}

export const command = defineCommand<CheckOptions>({
  declare: (command) =>
    command
      .description('Run the comprehensive checks of azora.yaml (`checks`) now. Ends with 1 when one of them fails.')
      .option('--json', 'one JSON document'),
  examples: [
    { line: 'azora check', what: 'every check, and what it found' },
    { line: 'azora check --json', what: 'the same for a script' },
  ],
  async run(context, operands, { json }) {
    if (operands.length > 0) fail('usage', `azora check takes no operands, and got "${operands.join(' ')}"`);
    const connection = await findSupervisor(locateState(context), context.version);
    if (!connection) return fail('not-running', 'cannot check: nothing is running', 'Start the system: azora up');
    const report = await connection.request('check', null, null);
    connection.close();
    const { passed, checks } = report;
    if (json) context.stdout.write(`${JSON.stringify({ version: 1, passed, checks }, null, 2)}\n`);
    else render(context, report);
    return passed ? EXIT.done : EXIT.failed;
  },
});

function render({ stdout, stderr }: CommandContext, { checks, leftOut, passed }: CheckReport): void {
  const { style } = stdout;
  for (const { name, organ, passed: ok, durationMs, message } of checks) {
    const of = organ === null ? '' : ` (${organ})`;
    const took = style.dim(` ${humanDuration(durationMs)}`);
    const why = ok ? '' : `: ${oneLine(message)}`;
    stdout.write(`${ok ? style.green('✔') : style.red('✖')} ${name}${of}${why}${took}\n`);
  }
  for (const name of leftOut) {
    stderr.write(`${stderr.style.yellow('azora:')} "${name}" is left out: its organ is not meant to run\n`);
  }
  if (checks.length === 0) stdout.write('no checks are declared that concern what runs\n');
  else if (!passed) stderr.write(`${stderr.style.red('azora:')} a check failed\n  azora why <organ>\n`);
}
