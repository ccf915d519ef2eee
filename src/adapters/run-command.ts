import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { excerpt } from '../core/expectation.ts';
import { humanDuration } from '../core/time.ts';
import { killGroup } from './probes/leftovers.ts';

/** A command that azora runs to its end on somebody's behalf: a hook. */
export interface CommandRun {
  readonly argv: readonly string[];
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What it finds on stdin; without it stdin is empty. */
  readonly input?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** `message`: "exited with code 1: no such database", "timed out after 30 s". */
export type CommandEnd = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** No more than this is kept of what it says; the rest is read and dropped, so that the command never blocks. */
const MAX_OUTPUT_BYTES = 16 * 1024;

/**
 * Runs a command in a process group of its own. Never rejects. When it has ended, timed out or been aborted, nothing of its group is
 * left.
 */
export async function runCommand(run: CommandRun): Promise<CommandEnd> {
  const { execa } = await import('execa');
  if (run.signal?.aborted) return { ok: false, message: String(run.signal.reason) };
  const [file = '', ...args] = run.argv;
  const child = execa(file, args, {
    cwd: run.cwd,
    env: run.env,
    extendEnv: false,
    ...(run.input === undefined ? { stdin: 'ignore' as const } : { input: run.input }),
    detached: true,
    buffer: false,
    reject: false,
  });
  const said = [collect(child.stderr), collect(child.stdout)];
  // execa's own result also waits for the end of the output, which a child in the background may hold open.
  const exited = once(child.nodeChildProcess, 'exit').then(
    ([exitCode, signal]: (number | string | null)[]) => ({ exitCode, signal }),
    () => child, // an 'error' instead: it could not be started, and execa has the true reason
  );
  const stop = Promise.withResolvers<string>();
  const timer = setTimeout(() => stop.resolve(`timed out after ${humanDuration(run.timeoutMs)}`), run.timeoutMs);
  const onAbort = (): void => stop.resolve(String(run.signal?.reason));
  run.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const end = await Promise.race([exited, child, stop.promise]);
    const words = (): string => {
      const text = said.map((each) => excerpt(each())).find((each) => each !== '');
      return text === undefined ? '' : `: ${text}`;
    };
    if (typeof end === 'string') {
      if (child.pid !== undefined) killGroup(child.pid, false);
      return { ok: false, message: `${end}${words()}` };
    }
    if (child.pid === undefined) {
      const { originalMessage } = await child;
      return { ok: false, message: `cannot be run: ${originalMessage ?? 'it could not be started'}` };
    }
    killGroup(child.pid, true);
    if (end.exitCode === 0) return { ok: true };
    const how = typeof end.exitCode === 'number' ? `exited with code ${end.exitCode}` : `was ended by ${end.signal}`;
    return { ok: false, message: `${how}${words()}` };
  } finally {
    clearTimeout(timer);
    run.signal?.removeEventListener('abort', onAbort);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

/** Keeps the beginning of a stream and lets the rest go by. */
function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    if (bytes < MAX_OUTPUT_BYTES) chunks.push(chunk);
    bytes += chunk.length;
  });
  stream.on('error', () => {}); // a broken pipe ends it as well
  return () => Buffer.concat(chunks).subarray(0, MAX_OUTPUT_BYTES).toString('utf8');
}
