import type { ExitCode } from '../core/failures.ts';
import { EXIT, fail } from '../core/failures.ts';
import type { InstanceStatus, StatusDocument } from '../core/status.ts';
import type { CommandContext } from './command.ts';
import { findSupervisor } from './daemons.ts';
import { lastKnown } from './last-known.ts';
import { locateState } from './locate.ts';
import { selectInstances } from './organs.ts';
import { persistently } from './persistently.ts';
import { renderStatus } from './render/status.ts';
import { age } from './render/text.ts';
import { sayVersions } from './versions.ts';

export interface StatusOptions {
  json?: true;
  watch?: true;
  by?: 'category';
  quiet?: true;
  exitCode?: true;
}

/** `azora status`, once it is known what is asked for. */
export async function showStatus(
  context: CommandContext,
  organs: readonly string[],
  options: StatusOptions,
): Promise<ExitCode> {
  const folder = locateState(context);
  const connection = await findSupervisor(folder, context.version);
  if (connection && options.watch) {
    const { watchStatus } = await import('./watch-status.ts');
    return watchStatus(context, folder, connection, (document) => render(context, document, organs, options));
  }
  if (connection) {
    const asked = await persistently(
      connection,
      () => findSupervisor(folder, context.version),
      (present) => present.request('status', null),
    );
    const document = asked.answer;
    sayVersions(context, asked.connection);
    asked.connection.close();
    context.stdout.write(render(context, document, organs, options));
    return exitCodeOf(document, options);
  }
  const document = await lastKnown(folder);
  if (!document)
    fail('not-running', `nothing is running, and nothing has run yet (${folder.root})`, 'Start it: azora up');
  context.stdout.write(render(context, document, organs, options));
  if (!options.json)
    context.stderr.write(
      `${context.stderr.style.red('azora:')} nothing is running${since(document)}\n  Start it: azora up\n`,
    );
  return EXIT.notRunning;
}

function exitCodeOf({ system }: StatusDocument, options: StatusOptions): ExitCode {
  return options.exitCode && system.status !== 'Operational' ? EXIT.failed : EXIT.done;
}

function render(
  context: CommandContext,
  document: StatusDocument,
  organs: readonly string[],
  options: StatusOptions,
): string {
  const chosen: StatusDocument = { ...document, organs: selectInstances(document.organs, organs) };
  if (options.json) return options.watch ? `${JSON.stringify(chosen)}\n` : `${JSON.stringify(chosen, null, 2)}\n`;
  if (options.quiet) return chosen.organs.map(({ instance }) => `${instance}\n`).join('');
  return renderStatus(chosen, { style: context.stdout.style, columns: context.stdout.columns }, options.by ?? null);
}

/** When the last of them ended, as far as it is known. */
function since({ organs }: StatusDocument): string {
  const ends = organs.flatMap(({ exit }: InstanceStatus) => (exit ? [Date.parse(exit.at)] : []));
  return ends.length === 0 ? '' : ` (the last organ ended ${age(Date.now() - Math.max(...ends))} ago)`;
}
