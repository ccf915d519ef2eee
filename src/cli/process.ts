import type { ContextSignal } from './command.ts';
import { main } from './main.ts';

/** Runs a command as this process: its streams, its signals, its exit code. */
export async function runCli(argv: readonly string[]): Promise<void> {
  const gone = new Set<() => void>();
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // Whoever read has left (`azora logs | head`), or the terminal is closed: nothing is left to say to anybody.
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
      if (gone.size === 0) process.exit(0);
      for (const listener of [...gone]) listener();
    });
  }
  const code = await main(argv, {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    onSignal(signal: ContextSignal, listener: () => void) {
      if (signal === 'SIGPIPE') {
        gone.add(listener);
        return () => gone.delete(listener);
      }
      process.on(signal, listener);
      return () => process.off(signal, listener);
    },
  });
  // An open connection must not keep the command from ending; what was written must be out before.
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))));
  process.exit(code);
}
