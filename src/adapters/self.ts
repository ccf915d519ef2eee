import { closeSync, existsSync, openSync, renameSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { quoteWord } from '../core/config/command.ts';
import { HIGH } from './descriptors.ts';
import { errorName, type Libc, loadLibc } from './libc.ts';
import { createPosixSpawn, type PosixSpawn, reap, type Spawned } from './posix-spawn.ts';

/** How azora starts itself again: as supervisor, as keeper. */

/** A log of a daemon's own troubles is put aside (`.old`) at its next start beyond this. */
const LOG_MAX_BYTES = 1024 * 1024;

/** SIGUSR1 would open the inspector's port in a daemon. */
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--disable-sigusr1'] as const;

/**
 * Daemons live long and keep little: a small young generation holds the keeper at a third of the memory, and the supervisor, which
 * would spend a fifth of its time collecting it at 1 MB, at three quarters. Commands need no flags of their own.
 */
function flagsFor([what]: readonly string[]): readonly string[] {
  if (!what?.startsWith('__')) return [];
  const megabytes = what === '__supervisor' ? 4 : 1;
  return [`--max-semi-space-size=${megabytes}`, `--min-semi-space-size=${megabytes}`];
}

/**
 * The argv that runs azora with `args`: this very executable and, unless the program is inside it (single binary), the program
 * file: src/main.ts in a checkout, the built main.js in a package. Never `fork`, which a single binary does not know.
 */
export function selfCommand(args: readonly string[]): [string, ...string[]] {
  const flags = flagsFor(args);
  if (!process.getBuiltinModule('node:sea').isSea()) {
    return [process.execPath, ...NODE_FLAGS, ...flags, mainFile(), ...args];
  }
  // NODE_FLAGS are inside the binary (scripts/build-binary.ts).
  return [binaryFile(), ...(flags.length > 0 ? [`--node-options=${flags.join(' ')}`] : []), ...args];
}

/** The file of this single binary, as it was when it started. Whoever was started from a deleted one sees that in its name. */
const binaryFile = (): string => whileItLasts([process.execPath.replace(/ \(deleted\)$/, '')])[0];

/**
 * A command whose file may have been deleted since it was made: then what runs here is run once more, which Linux makes possible
 * under a name of its own. (A file that has been replaced is there.)
 */
export function whileItLasts(command: readonly [string, ...string[]]): [string, ...string[]] {
  const [file, ...args] = command;
  return [existsSync(file) || process.platform !== 'linux' ? file : '/proc/self/exe', ...args];
}

function mainFile(): string {
  for (const name of ['../main.ts', '../main.js']) {
    const path = fileURLToPath(new URL(name, import.meta.url));
    if (existsSync(path)) return path;
  }
  return fileURLToPath(import.meta.url); // bundled into one file: that file is the program
}

/** Opens a daemon's log for appending. What it writes there is meant for the post-mortem, not for users' eyes. */
export function openDaemonLog(path: string): number {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LOG_MAX_BYTES) renameSync(path, `${path}.old`);
  return openSync(path, 'a', 0o600);
}

/**
 * The environment for azora's own daemons: this process's. NODE_COMPILE_CACHE stays (daemons start faster by it, and
 * AZORA_UNSET says to keep it from organs); a channel to whoever started this process, systemd's among them, is nobody else's.
 */
export function daemonEnvironment(): Record<string, string> {
  const { NODE_CHANNEL_FD: _fd, NODE_CHANNEL_SERIALIZATION_MODE: _mode, NOTIFY_SOCKET: _notify, ...rest } = process.env;
  return rest as Record<string, string>;
}

export interface Daemon {
  readonly pid: number;
  /** Resolves if it ends while this process still lives. Keeps no process from ending. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export interface DaemonOptions {
  /** `/` unless said otherwise, so that no folder is kept from being unmounted. Paths in `args` must be absolute. */
  readonly cwd?: string;
  /** Receives stderr, so that a crash leaves its stack: run/keeper.log, run/supervisor.log. */
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts azora with `args` in a session of its own, tied to no terminal and not to the life of this process. Rejects when the
 * machine cannot start it.
 */
export function startDaemon(args: readonly string[], options: DaemonOptions): Promise<Daemon> {
  return launch(selfCommand(args), options, []);
}

/**
 * Starts two at the same moment, one the child of the other: a shell starts the child and becomes the parent. Neither waits for
 * the other's Node to boot, and the parent sees its child end as it would one that it started itself.
 * @param parent args; that of the child's pid is added: `--<child.role> PID`
 * @param child args; that of the parent's pid is added: `--<role> PID`
 */
export function startDaemons(parent: DaemonRole, child: DaemonRole): Promise<Daemon> {
  const line = (args: readonly string[]): string => selfCommand(args).map(quoteWord).join(' ');
  const script =
    `${line(child.args)} --${parent.role} $$ 2>&3 3>&- & ` + `exec ${line(parent.args)} --${child.role} $! 3>&-`;
  return launch(['/bin/sh', '-c', script], { log: parent.log }, [child.log]);
}

export interface DaemonRole {
  readonly role: string;
  readonly args: readonly string[];
  readonly log: string;
}

/** @param logs opened for the child as descriptors 3, 4 and so on */
async function launch(
  command: readonly [string, ...string[]],
  options: DaemonOptions,
  logs: readonly string[],
): Promise<Daemon> {
  const opened = [openSync('/dev/null', 'r+'), ...[options.log, ...logs].map(openDaemonLog)];
  try {
    const low = opened.map((file, index): OpenFile => [file, index + 1]);
    if (HIGH === null) return await begin(command, options, low);
    // Where so many are not allowed, without.
    return await begin(command, options, [[opened[0]!, HIGH], ...low]).catch(() => begin(command, options, low));
  } finally {
    for (const file of opened) closeSync(file);
  }
}

/** Whether SIGCHLD is heard here, by which the end of a child of posix_spawn is noticed. */
let hearsChildren = true;

/** For a worker thread, which hears no signals: daemons are started as Node starts its children. */
export function hearNoChildren(): void {
  hearsChildren = false;
}

/** A descriptor of this process, and what it is in the daemon. */
type OpenFile = readonly [from: number, to: number];

function begin(
  command: readonly [string, ...string[]],
  { cwd = '/', env = daemonEnvironment() }: DaemonOptions,
  files: readonly OpenFile[],
): Promise<Daemon> {
  const may = process.platform === 'linux' && hearsChildren && process.env.AZORA_SPAWNER === undefined;
  const libc = may ? loadLibc() : null;
  const posixSpawn = libc && createPosixSpawn(libc);
  const [file] = command;
  return libc && posixSpawn
    ? beginByPosixSpawn(libc, posixSpawn, { file, argv: command, cwd, env, files })
    : beginByChildProcess(command, cwd, env, files);
}

/** In half the time of Node's own way, whose module has to be loaded and whose fork copies all that this process maps. */
async function beginByPosixSpawn(libc: Libc, posixSpawn: PosixSpawn, spawned: Spawned): Promise<Daemon> {
  const pid = posixSpawn(spawned);
  if (pid < 0) throw new Error(`cannot start ${spawned.file}: ${errorName(-pid)}`);
  const ended: Daemon['ended'] = new Promise((resolve) => {
    const look = (): void => {
      const child = reap(libc, pid);
      if (!child) return;
      process.off('SIGCHLD', look);
      resolve({ code: child.code, signal: child.signal });
    };
    process.on('SIGCHLD', look);
    look(); // it may have been faster
  });
  return { pid, ended };
}

async function beginByChildProcess(
  [file, ...args]: readonly [string, ...string[]],
  cwd: string,
  env: Readonly<Record<string, string>>,
  files: readonly OpenFile[],
): Promise<Daemon> {
  const { spawn } = process.getBuiltinModule('node:child_process'); // most commands that could start a daemon need not
  const stdio: ('ignore' | number)[] = [];
  for (const [from, to] of files) {
    while (stdio.length < to) stdio.push('ignore');
    stdio[to] = from;
  }
  const child = spawn(file, args, { cwd, env, detached: true, stdio });
  const ended: Daemon['ended'] = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(new Error(`cannot start ${file}`, { cause })));
  });
  child.unref();
  return { pid: child.pid!, ended };
}
