import type { StateFolder } from '../adapters/state-folder.ts';
import type { ExitCode } from '../core/failures.ts';
import type { StatusDocument } from '../core/status.ts';
import type { CommandContext } from './command.ts';
import type { Connection } from './connection.ts';
import { feedStatus } from './status-feed.ts';

/** A picture on a terminal shows uptimes, so it is drawn anew this often even when nothing happens. */
const REDRAW_MS = 1_000;

const HOME = '\x1b[H';
const CLEAR_SCREEN = '\x1b[2J\x1b[3J';
const CLEAR_LINE = '\x1b[2K';
const CLEAR_BELOW = '\x1b[J';

/**
 * Shows the status again and again: on a terminal in place, elsewhere anew whenever something happened. Ends by a signal, or
 * with `not-running` when the system is down; a supervisor that was killed is awaited.
 */
export async function watchStatus(
  context: CommandContext,
  folder: StateFolder,
  connection: Connection,
  render: (document: StatusDocument) => string,
): Promise<ExitCode> {
  const { stdout } = context;
  // For a terminal only: it is not needed to say how things are once.
  const { cutStyled } = await import('./render/width.ts');
  if (stdout.isTTY) stdout.write(CLEAR_SCREEN);
  return feedStatus(connection, {
    folder,
    version: context.version,
    everyMs: stdout.isTTY ? REDRAW_MS : null,
    show: (document) => {
      stdout.write(stdout.isTTY ? inPlace(render(document), stdout, cutStyled) : render(document));
      return stdout.drained();
    },
    onStir: (stir) => context.onSignal('SIGWINCH', stir),
  });
}

/** Over what was drawn before, without flicker; what does not fit is left out rather than scrolled, or cut rather than wrapped. */
function inPlace(
  text: string,
  { rows, columns }: CommandContext['stdout'],
  cut: (line: string, columns: number) => string,
): string {
  const lines = text.trimEnd().split('\n');
  const shown = lines.length < rows ? lines : [...lines.slice(0, rows - 2), `… ${lines.length - rows + 2} more lines`];
  return `${HOME}${shown.map((line) => `${CLEAR_LINE}${cut(line, columns)}\n`).join('')}${CLEAR_BELOW}`;
}
