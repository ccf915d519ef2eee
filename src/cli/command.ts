import type { ChalkInstance } from 'chalk';
import type { Command } from 'commander';
import type { ExitCode } from '../core/failures.ts';

/**
 * What a command is. One file per command under `commands/`, which exports `command` built by `defineCommand`, and one line
 * in `commands/index.ts`; the file is imported only when it is the one that was typed.
 */
export interface CommandModule<Options extends object = Record<string, unknown>> {
  /**
   * Declares arguments and options on commander's own command, already named and described from the index. The global options
   * are added by the program after this, in both places (`azora -f x logs` and `azora logs --file x`), but never over
   * a flag declared here: `logs` keeps its `-f`.
   */
  readonly declare: (command: Command) => void;
  /** For `--help`: a line to type and what it does. */
  readonly examples: readonly Example[];
  /**
   * Does the work. `args` are the operands, flat. Answers the exit code (one of `EXIT`, or an organ's own); rejects with a
   * `FailureError` for an expected failure (printed as message and hint, exit code by its kind); anything else that it throws
   * is a bug and printed as one.
   */
  run(context: CommandContext, args: readonly string[], options: Options): Promise<ExitCode | number>;
}

export interface Example {
  readonly line: string;
  readonly what: string;
}

/** What a command may touch of the outside; tests give their own. */
export interface CommandContext {
  /** What scripts read: data. */
  readonly stdout: Output;
  /** What people read meanwhile: progress and diagnostics. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly global: GlobalOptions;
  /** The version of azora that runs. */
  readonly version: string;
  /**
   * A signal that asks this process to end (SIGPIPE: the reader of its output has gone), or a resize of its terminal; the
   * answer unregisters. Without a listener the process ends as usual, after SIGPIPE quietly and with 0.
   */
  readonly onSignal: (signal: ContextSignal, listener: () => void) => () => void;
}

export type ContextSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE' | 'SIGWINCH';

/** The options that every command takes. */
export interface GlobalOptions {
  /** -f/--file; $AZORA_FILE and the search are not in here: see `locate.ts`. */
  readonly file: string | undefined;
  /** --state-dir. */
  readonly stateDir: string | undefined;
  readonly progress: Progress;
}

export type Progress = 'auto' | 'tty' | 'plain' | 'json' | 'quiet';
export const PROGRESS: readonly Progress[] = ['auto', 'tty', 'plain', 'json', 'quiet'];

/** stdout or stderr of the command. */
export interface Output {
  readonly isTTY: boolean;
  /** Of the terminal; Infinity when it is none: piped output is never cut. */
  readonly columns: number;
  readonly rows: number;
  /** Colours, or none of them, as this stream, --no-color, NO_COLOR, FORCE_COLOR and TERM say. */
  readonly style: ChalkInstance;
  /**
   * Writes as it is (add your own newline). false: the reader is behind, await `drained()` before a flood. A reader that has
   * gone ends the process quietly.
   */
  write(chunk: string | Uint8Array): boolean;
  /** Resolves when the reader can take more; at once when it can now. */
  drained(): Promise<void>;
}

/** Gives a command's `Options` their type; the program hands over what commander parsed. */
export function defineCommand<Options extends object>(module: CommandModule<Options>): CommandModule<Options> {
  return module;
}
