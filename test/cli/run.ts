import type { ContextSignal } from '../../src/cli/command.ts';
import type { Host } from '../../src/cli/main.ts';
import { main } from '../../src/cli/main.ts';

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running extends Promise<Run> {
  signal(name: ContextSignal): void;
  /** Resolves when that text has been written to stdout or stderr. */
  said(text: string): Promise<void>;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  /** Terminals of that size instead of pipes. */
  readonly terminal?: { readonly columns: number; readonly rows: number };
}

/** Runs `azora <argv…>` within this process, with streams, signals and environment of its own. */
export function azora(argv: readonly string[], options: RunOptions): Running {
  let stdout = '';
  let stderr = '';
  const waiting = new Map<string, () => void>();
  const look = (): void => {
    for (const [text, resolve] of waiting) if ((stdout + stderr).includes(text)) resolve();
  };
  const listeners = new Map<ContextSignal, Set<() => void>>();
  const size = options.terminal ? { isTTY: true, ...options.terminal } : {};
  const stream = (write: (text: string) => void): Host['stdout'] => ({
    ...size,
    write(chunk) {
      write(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
      look();
      return true;
    },
  });
  const host: Host = {
    stdout: stream((text) => {
      stdout += text;
    }),
    stderr: stream((text) => {
      stderr += text;
    }),
    env: { PATH: process.env.PATH, HOME: options.cwd, NO_COLOR: '1', ...options.env },
    cwd: options.cwd,
    onSignal(signal, listener) {
      const set = listeners.get(signal) ?? new Set();
      listeners.set(signal, set.add(listener));
      return () => set.delete(listener);
    },
  };
  const done = main(argv, host).then((code) => ({ code, stdout, stderr }));
  return Object.assign(done, {
    signal: (name: ContextSignal) => {
      for (const listener of [...(listeners.get(name) ?? [])]) listener();
    },
    said: (text: string) =>
      new Promise<void>((resolve) => {
        waiting.set(text, resolve);
        look();
      }),
  });
}
