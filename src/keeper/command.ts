import { accessSync, closeSync, constants, openSync, readSync, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SpawnResult } from './protocol.ts';

/**
 * Finds the program behind a command the way execvp does, in the organ's own PATH and folder, before anything is spawned:
 * execve has one ENOENT for a missing command, folder, interpreter and loader, and a user needs to know which.
 */

export type SpawnFailure = Extract<SpawnResult, { ok: false }>;
export type Command =
  | { readonly ok: true; readonly file: string; readonly argv: readonly [string, ...string[]] }
  | SpawnFailure;

/** What execvp searches when the environment has no PATH. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';
const HEAD_BYTES = 256;

export const spawnFailure = (reason: SpawnFailure['reason'], code: string, message: string): SpawnFailure => ({
  ok: false,
  reason,
  code,
  message,
});

/** The file to execute and its argv. A text file without `#!` is handed to /bin/sh, as shells and execvp do. */
export function findCommand(
  argv: readonly [string, ...string[]],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Command {
  const badFolder = checkFolder(cwd);
  if (badFolder) return badFolder;
  const [name, ...args] = argv;
  const path = env.PATH ?? DEFAULT_PATH;
  const candidates = name.includes('/')
    ? [resolve(cwd, name)]
    : path.split(':').map((folder) => resolve(cwd, folder, name));

  let refused: SpawnFailure | null = null;
  for (const file of name === '' ? [] : candidates) {
    const stat = statOf(file);
    if (!stat) continue;
    const problem = checkExecutable(file, stat);
    if (!problem) return withInterpreter(file, name, args);
    refused ??= problem;
  }
  return (
    refused ??
    spawnFailure(
      'not-found',
      'ENOENT',
      name.includes('/') ? `${candidates[0]}: no such file` : `${name}: not found in PATH (${path})`,
    )
  );
}

function checkFolder(cwd: string): SpawnFailure | null {
  const stat = statOf(cwd);
  if (!stat) return spawnFailure('bad-cwd', 'ENOENT', `cwd ${cwd}: no such folder`);
  if (!stat.isDirectory()) return spawnFailure('bad-cwd', 'ENOTDIR', `cwd ${cwd}: not a folder`);
  return isAllowed(cwd) ? null : spawnFailure('bad-cwd', 'EACCES', `cwd ${cwd}: permission denied`);
}

function checkExecutable(file: string, stat: Stats): SpawnFailure | null {
  if (stat.isDirectory()) return spawnFailure('not-executable', 'EISDIR', `${file}: is a folder`);
  if (isAllowed(file)) return null;
  const mode = (stat.mode & 0o777).toString(8);
  return spawnFailure(
    'not-executable',
    'EACCES',
    stat.mode & 0o111
      ? `${file}: permission denied (mode ${mode}, or a filesystem mounted noexec)`
      : `${file}: not executable (mode ${mode}); chmod +x ${file}`,
  );
}

function withInterpreter(file: string, name: string, args: readonly string[]): Command {
  const head = readHead(file);
  if (head === null || head.includes(0)) return { ok: true, file, argv: [name, ...args] };
  const line = /^#![ \t]*([^ \t\n]+)/.exec(head.toString('latin1'));
  if (!line) return { ok: true, file: '/bin/sh', argv: ['/bin/sh', file, ...args] };
  const interpreter = line[1]!;
  const stat = statOf(interpreter);
  if (stat?.isFile() && isAllowed(interpreter)) return { ok: true, file, argv: [name, ...args] };
  const what = interpreter.endsWith('\r')
    ? `its first line ends in a carriage return (saved with Windows line endings?): no interpreter "${interpreter.slice(0, -1)}\\r"`
    : `its first line names the interpreter ${interpreter}, which ${stat ? 'cannot be executed' : 'does not exist'}`;
  return spawnFailure('bad-interpreter', stat ? 'EACCES' : 'ENOENT', `${file}: ${what}`);
}

/** What the kernel still refuses after all these checks, in words. */
export function explainErrno(code: string, file: string, bytes: number): SpawnFailure {
  switch (code) {
    case 'EAGAIN':
    case 'ENOMEM':
    case 'EMFILE':
    case 'ENFILE':
      return spawnFailure('again', code, `the machine is short of processes, memory or open files for now (${code})`);
    case 'E2BIG':
      return spawnFailure(
        'too-big',
        code,
        `${file}: arguments and environment together (${bytes} bytes), or one of them (128 KiB at most), exceed what the kernel takes`,
      );
    case 'ENOENT':
      return spawnFailure(
        'bad-interpreter',
        code,
        `${file}: its loader does not exist here (built for another system or C library?)`,
      );
    case 'ENOEXEC':
      return spawnFailure(
        'not-executable',
        code,
        `${file}: not a program that this machine can run (exec format error)`,
      );
    case 'EACCES':
    case 'EPERM':
      return spawnFailure('not-executable', code, `${file}: the kernel refuses to execute it (${code})`);
    default:
      return spawnFailure('other', code, `${file}: cannot be started (${code})`);
  }
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    return null; // a folder on the way is closed to us, a link loops, a name is too long: as good as not there
  }
}

function isAllowed(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** null when it may be executed but not read. */
function readHead(file: string): Buffer | null {
  try {
    const fd = openSync(file, 'r');
    try {
      const head = Buffer.alloc(HEAD_BYTES);
      return head.subarray(0, readSync(fd, head));
    } finally {
      closeSync(fd);
    }
  } catch {
    return null;
  }
}
