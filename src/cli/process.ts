import { endNow } from '../adapters/end-now.ts';
import type { ContextSignal } from './command.ts';
import { cannotWrite, directStream } from './direct-stream.ts';
import { main } from './main.ts';

/**
 * Runs a command as this process: its streams, its signals, its exit code.
 * @param isBrief it has its answer as good as got, says it, and ends
 */
export async function runCli(argv: readonly string[], { isBrief }: { readonly isBrief: boolean }): Promise<void> {
  const gone = new Set<() => void>();
  const streams: NodeJS.WriteStream[] = [];
  const guarded = (stream: NodeJS.WriteStream): NodeJS.WriteStream => {
    streams.push(stream);
    return stream.on('error', (error: NodeJS.ErrnoException) => {
      // Whoever read has left (`azora logs | head`), or the terminal is closed: nothing is left to say to anybody.
      if (error.code !== 'EPIPE' && error.code !== 'EIO') cannotWrite(error);
      if (gone.size === 0) process.exit(0);
      for (const listener of [...gone]) listener();
    });
  };
  const code = await main(argv, {
    get stdout() {
      return (isBrief && directStream(1)) || guarded(process.stdout);
    },
    get stderr() {
      return (isBrief && directStream(2)) || guarded(process.stderr);
    },
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
  // Nothing is open, and all is written.
  if (isBrief && streams.length === 0) endNow(code);
  // An open connection must not keep the command from ending; what was written must be out before.
  await Promise.all(streams.map((stream) => new Promise((done) => stream.write('', done))));
  process.exit(code);
}
