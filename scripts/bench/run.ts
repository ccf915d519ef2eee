import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Commands that end, and programs that stay until they are told to go. */

type Where = Pick<SpawnOptions, 'cwd' | 'env'>;

/** What a command that succeeds writes to its stdout. */
export async function output(file: string, args: readonly string[], where: Where = {}): Promise<string> {
  const child = spawn(file, args, { ...where, stdio: ['ignore', 'pipe', 'pipe'] });
  let [text, errors] = ['', ''];
  child.stdout.on('data', (chunk) => (text += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}: ${errors || text}`);
  return text;
}

/** The first line of what a program says of itself; null when it is not there. */
export function versionOf(file: string, ...args: readonly string[]): string | null {
  const { status, stdout, error } = spawnSync(file, args, { encoding: 'utf8' });
  return error || status !== 0 ? null : (stdout.trim().split('\n')[0] ?? '');
}

/** The version of the package that a program without such words came with; null when the program is not there. */
export function packaged(program: string, name: string): string | null {
  if (versionOf('sh', '-c', `command -v ${program}`) === null) return null;
  return versionOf('dpkg-query', '-W', '-f', `\${Version}`, name) ?? '(of unknown version)';
}

/** The version of the npm package that a program belongs to; null when the program is not there. */
export function npmVersion(program: string): string | null {
  const path = versionOf('sh', '-c', `command -v ${program}`);
  if (path === null) return null;
  for (let folder = dirname(realpathSync(path)); folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  }
  return '(of unknown version)';
}

const PATIENCE_MS = 60_000;

/** A program that runs in the foreground, one a folder. */
export class Foreground {
  readonly #running = new Map<string, ChildProcess>();

  async start(
    folder: string,
    file: string,
    args: readonly string[],
    stdout: number | 'ignore' = 'ignore',
  ): Promise<void> {
    const child = spawn(file, args, { cwd: folder, stdio: ['ignore', stdout, 'ignore'] });
    this.#running.set(folder, child);
    await once(child, 'spawn');
  }

  pid(folder: string): number {
    const pid = this.#running.get(folder)?.pid;
    if (pid === undefined) throw new Error(`nothing runs in ${folder}`);
    return pid;
  }

  /** Resolves when it has ended, by this signal or before. */
  async end(folder: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#running.get(folder);
    this.#running.delete(folder);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    await ended;
    clearTimeout(late);
    if (child.signalCode === 'SIGKILL')
      throw new Error(`${child.spawnfile} did not end within ${PATIENCE_MS / 1000} s`);
  }
}
