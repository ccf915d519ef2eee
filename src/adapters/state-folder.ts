import { accessSync, constants, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fail } from '../core/failures.ts';

/** Where a system keeps what it must not lose, and what lives only while it runs. */
export interface StateFolder {
  /** `.azora` beside azora.yaml, or --state-dir / $AZORA_STATE_DIR. */
  readonly root: string;
  readonly database: string;
  readonly logs: string;
  /** Sockets, locks, FIFOs, journal, the boot document. */
  readonly run: string;
  readonly supervisorSocket: string;
  readonly keeperSocket: string;
  readonly supervisorLock: string;
  readonly keeperLock: string;
  readonly journal: string;
  readonly bootDocument: string;
  /** What is to be masked in whatever is shown, while the system runs. */
  readonly secrets: string;
  /** What the files of the system said when they were parsed last. */
  readonly parsedBefore: string;
  /** There while an emergency shutdown has not been cleared. */
  readonly emergencyLatch: string;
}

/** sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL included. */
const SOCKET_PATH_MAX = 103;

/** The paths of a state folder. Touches nothing on disk. */
export function stateFolder(root: string): StateFolder {
  const base = resolve(root);
  const inside = join(base, 'run');
  const run = Buffer.byteLength(join(inside, 'supervisor.sock')) <= SOCKET_PATH_MAX ? inside : shortRunFolder(base);
  return {
    root: base,
    database: join(base, 'azora.db'),
    logs: join(base, 'logs'),
    run,
    supervisorSocket: join(run, 'supervisor.sock'),
    keeperSocket: join(run, 'keeper.sock'),
    supervisorLock: join(run, 'supervisor.lock'),
    keeperLock: join(run, 'keeper.lock'),
    journal: join(run, 'journal.ndjson'),
    bootDocument: join(run, 'boot.json'),
    secrets: join(run, 'secrets.json'),
    parsedBefore: join(base, 'parsed.json'),
    emergencyLatch: join(base, 'emergency.json'),
  };
}

/** A folder of this user's whose name is short and always the same for one state folder. */
function shortRunFolder(base: string): string {
  // Loaded here only: it takes longer to load than most commands take to run.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const name = `azora-${createHash('sha256').update(base).digest('hex').slice(0, 16)}`;
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  return runtime && runtime.length < 60 ? join(runtime, name) : join(tmpdir(), `${name}-${ownUid()}`);
}

/** Not `userInfo()`: that fails for a user without an entry in the machine's list, as in many a container. -1 where users have no numbers. */
const ownUid = (): number => process.getuid?.() ?? -1;

/** Whether it is there, and this user may not look into it. */
export function isClosed(folder: StateFolder): boolean {
  try {
    accessSync(folder.root, constants.R_OK | constants.X_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}

/** Where the state of the system in `file` lives, unless the user says otherwise. */
export function stateRootOf(file: string, chosen: string | undefined): string {
  return chosen ? resolve(chosen) : join(dirname(file), '.azora');
}

/**
 * Creates what is missing, private to this user. Refuses a folder that is a link or another user's: whoever owns it could
 * read secrets or swap a socket.
 */
export function createStateFolder(folder: StateFolder): void {
  for (const path of [folder.root, folder.logs, folder.run]) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    assertPrivate(path);
  }
  // Version control and backups have no business in here.
  writeOnce(join(folder.root, '.gitignore'), '*\n');
}

/**
 * Before anything is said on a socket of it. Where the path is too long for sockets, they lie in a place where others may make folders
 * too: whoever made this one first would be told whatever a command tells its supervisor.
 */
export function assertOwnRun(folder: StateFolder): void {
  if (folder.run !== join(folder.root, 'run') && existsSync(folder.run)) assertPrivate(folder.run);
}

function assertPrivate(path: string): void {
  const stat = lstatSync(path);
  const uid = ownUid();
  if (stat.isSymbolicLink() || !stat.isDirectory()) {
    fail(
      'usage',
      `the state folder ${path} is not a folder of its own (a link or a file)`,
      `Remove it, or choose another with --state-dir.`,
    );
  }
  if (uid >= 0 && stat.uid !== uid) {
    fail(
      'usage',
      `the state folder ${path} belongs to uid ${stat.uid}, and azora runs as uid ${uid}`,
      `Run as its owner, or choose another with --state-dir.`,
    );
  }
  if (stat.mode & 0o077) {
    fail(
      'usage',
      `the state folder ${path} is open to other users (mode ${(stat.mode & 0o777).toString(8)})`,
      `chmod 700 ${path}`,
    );
  }
}

function writeOnce(path: string, text: string): void {
  try {
    readFileSync(path);
  } catch {
    // Not there yet (or unreadable, in which case writing fails with the true reason).
    writeFileSync(path, text, { mode: 0o600 });
  }
}
