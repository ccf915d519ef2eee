import { monotonic } from '../../adapters/clock.ts';
import type { CommandContext } from '../command.ts';

/** The screen beside the usual one, without cursor; what is too long for a row is not continued on the next. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J';
/** Emptied before it is left: of a terminal made wider meanwhile, tmux would carry long lines over. */
const LEAVE = '\x1b[0m\x1b[2J\x1b[?7h\x1b[?25h\x1b[?1049l';
const CLEAR = '\x1b[0m\x1b[2J';

/** At most ten pictures a second. */
const SHORTEST_MS = 100;

/**
 * A full screen of lines. It draws when it is told that something changed, soon but not too often, and only the lines that
 * differ. However the process ends, but for kill -9, the terminal is as it was before.
 */
export class Screen {
  readonly #output: CommandContext['stdout'];
  readonly #picture: () => readonly string[];
  /** Of what the terminal shows. */
  #shown: readonly string[] = [];
  #isOpen = false;
  #timer: NodeJS.Timeout | null = null;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(output: CommandContext['stdout'], picture: () => readonly string[]) {
    this.#output = output;
    this.#picture = picture;
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    // A crash tells its story on the screen that stays.
    process.on('uncaughtExceptionMonitor', this.#onEnd);
    process.on('exit', this.#onEnd);
    this.#output.write(ENTER);
    this.redraw();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off('uncaughtExceptionMonitor', this.#onEnd);
    process.off('exit', this.#onEnd);
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#output.write(LEAVE);
  }

  /** Something that may be shown has changed. */
  changed(): void {
    if (!this.#isOpen || this.#timer) return;
    const wait = Math.max(0, this.#drawnAt + SHORTEST_MS - monotonic());
    this.#timer = setTimeout(() => void this.#draw(), wait);
  }

  /** Nothing that was drawn before is trusted any more: the terminal has another size, or another program wrote on it. */
  redraw(): void {
    if (!this.#isOpen) return;
    this.#shown = [];
    this.#output.write(CLEAR);
    this.changed();
  }

  readonly #onEnd = (): void => this.close();

  async #draw(): Promise<void> {
    // A terminal that is slow to read gets fewer pictures, not a queue of them.
    await this.#output.drained();
    this.#timer = null;
    if (!this.#isOpen) return;
    this.#drawnAt = monotonic();
    const lines = this.#picture();
    const text = difference(this.#shown, lines);
    this.#shown = lines;
    if (text !== '') this.#output.write(text);
  }
}

/** What turns one picture into the other. */
export function difference(before: readonly string[], after: readonly string[]): string {
  return after
    .map((line, row) => (line === before[row] || (line === '' && row >= before.length) ? '' : place(row, line)))
    .join('');
}

const place = (row: number, line: string): string => `\x1b[${row + 1};1H\x1b[2K${line}\x1b[0m`;
