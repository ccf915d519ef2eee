import { type ChildProcess, spawn } from 'node:child_process';
import { within } from './within.ts';

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** A command of azora that runs: what it has said so far, and how it ends. */
export class Running {
  readonly pid: number;
  readonly exit: Promise<Finished>;
  readonly #child: ChildProcess;
  /** The command line, for messages. */
  readonly name: string;
  readonly #listeners = new Set<() => void>();
  #stdout = '';
  #stderr = '';
  #ended = false;

  constructor(file: string, args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    this.name = `azora ${args.join(' ')}`;
    const startedAt = performance.now();
    this.#child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    this.pid = this.#child.pid ?? 0;
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#heard(() => (this.#stdout += text)));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => this.#heard(() => (this.#stderr += text)));
    this.exit = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      // `close`, not `exit`: all that it said has been read. Its daemons write to files of their own and hold no pipe open.
      this.#child.on('close', (code, signal) => {
        this.#heard(() => (this.#ended = true));
        const durationMs = performance.now() - startedAt;
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr, durationMs });
      });
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get ended(): boolean {
    return this.#ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** How it ended, within `timeoutMs`; else it fails and shows what was said. */
  finished(timeoutMs = 40_000): Promise<Finished> {
    return within(timeoutMs, this.exit, () => `\`${this.name}\` has not ended.${this.said()}`);
  }

  /** The first line, of stdout or stderr, that matches; what was said before counts as well. */
  async waitForLine(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpMatchArray> {
    const match = new Promise<RegExpMatchArray>((resolve, reject) => {
      const look = () => {
        const found = [...this.#stdout.split('\n'), ...this.#stderr.split('\n')]
          .map((line) => line.match(pattern))
          .find((one) => one !== null);
        if (found) resolve(found);
        else if (this.#ended) reject(new Error(`\`${this.name}\` ended without a line ${pattern}.${this.said()}`));
        else return;
        this.#listeners.delete(look);
      };
      this.#listeners.add(look);
      look();
    });
    return within(timeoutMs, match, () => `\`${this.name}\` has no line ${pattern}.${this.said()}`);
  }

  said(): string {
    return `\n--- stdout ---\n${ending(this.#stdout)}\n--- stderr ---\n${ending(this.#stderr)}`;
  }

  #heard(change: () => void): void {
    change();
    for (const look of [...this.#listeners]) look();
  }
}

/** The end of a long text, which says more than its beginning. */
const ending = (text: string): string => (text.length > 8_000 ? `…${text.slice(-8_000)}` : text);
