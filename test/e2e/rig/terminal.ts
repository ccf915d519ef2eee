import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** One pane without a status line: the terminal is as large as it was asked to be. */
const CONFIG = `
set -g status off
set -g default-terminal screen-256color
set -g remain-on-exit on
set -s escape-time 0
`;

/** How long to wait for what a program is to show, and how often to look: tmux tells nobody that a screen has changed. */
const WAIT_MS = 20_000;
const LOOK_MS = 30;

/** null, or why terminals cannot be had here. */
export const noTerminal: string | null = hasProgram('tmux') ? null : 'tmux is not installed';

export function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // That is the answer.
  }
}

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** The program in it, by default a shell with `$ ` for a prompt. */
  readonly command?: readonly string[];
}

/** A real terminal with a program in it: one tmux server of its own, which ends with it. */
export class Terminal implements AsyncDisposable {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#env = env;
  }

  static async open({ columns, rows, cwd, env, command = ['sh'] }: TerminalOptions): Promise<Terminal> {
    const folder = mkdtempSync(join(tmpdir(), 'azora-tmux-'));
    writeFileSync(join(folder, 'tmux.conf'), CONFIG);
    const terminal = new Terminal(folder, { LANG: 'C.UTF-8', PS1: '$ ', ...env, TMUX: '' });
    const size = ['-x', String(columns), '-y', String(rows)];
    await terminal.#tmux('-f', join(folder, 'tmux.conf'), 'new-session', '-d', ...size, '-c', cwd, ...command);
    return terminal;
  }

  /** Types text as it is. */
  async type(text: string): Promise<void> {
    await this.#tmux('send-keys', '-l', '--', text);
  }

  /** Presses keys by their tmux names: Enter, Tab, Up, C-c. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys);
  }

  /** Types a line and presses Enter. */
  async enter(line: string): Promise<void> {
    await this.type(line);
    await this.press('Enter');
  }

  /** What is shown, a line a row, without trailing spaces; with `scrollback`, what has gone off the top too. */
  async screen(scrollback = false): Promise<string[]> {
    const text = await this.#tmux('capture-pane', '-p', ...(scrollback ? ['-S', '-'] : []));
    return text.replace(/\n$/, '').split('\n');
  }

  /** The screen once it is as wanted; fails with what is there when that takes too long. */
  async until(holds: (text: string, lines: readonly string[]) => boolean, timeoutMs = WAIT_MS): Promise<string[]> {
    for (const deadline = performance.now() + timeoutMs; ; ) {
      const lines = await this.screen();
      if (holds(lines.join('\n'), lines)) return lines;
      if (performance.now() > deadline) throw new Error(`not as wanted (${holds}):\n${lines.join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async shows(what: string | RegExp, timeoutMs?: number): Promise<string[]> {
    const lines = this.until((text) => (typeof what === 'string' ? text.includes(what) : what.test(text)), timeoutMs);
    return lines.catch((error: Error) => {
      throw new Error(`${what} is not shown; ${error.message}`);
    });
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** A tmux format of the pane: `alternate_on`, `cursor_flag`, `pane_pid`, `wrap_flag`, `mouse_any_flag`. */
  async state(format: string): Promise<string> {
    return (await this.#tmux('display-message', '-p', `#{${format}}`)).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux('kill-server').catch(() => null); // It has ended already.
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    return (await run('tmux', ['-S', join(this.#folder, 's'), ...args], { env: this.#env })).stdout;
  }
}
