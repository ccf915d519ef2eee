import {
  chmodSync,
  closeSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants, homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The native addons inside the single binary. The system's loader takes files only, so each is written, once, into a folder
 * that is this user's alone, under a name made of its content.
 */

/**
 * When a file was changed last that is known to be whole. It is given this time once its content is on the disk, so that a machine that
 * loses its power cannot have kept the time and not the content; whoever writes to it later gives it another.
 */
const SEALED = new Date('2000-01-01T00:00:00Z');

/** Where an addon may be kept, the best place first. A home may be read-only, and any of them mounted `noexec`. */
export function addonFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const user = process.geteuid?.() ?? 'user';
  const shared = [tmpdir(), '/dev/shm', '/var/tmp'].map((folder) => join(folder, `azora-${user}`));
  const runtime = env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'azora')] : [];
  return [...new Set([join(cacheHome(env), 'azora'), ...runtime, ...shared])];
}

const cacheHome = (env: NodeJS.ProcessEnv): string => env.XDG_CACHE_HOME || join(home(), '.cache');

function home(): string {
  try {
    return homedir();
  } catch {
    return '/nonexistent'; // neither $HOME nor an entry in the accounts: the next place is taken
  }
}

/**
 * Loads the addon of this name out of the single binary and answers what it exports. Throws when no place can hold it, naming
 * each and why.
 */
export function loadEmbeddedAddon(
  name: 'better-sqlite3' | 'koffi',
  folders: readonly string[] = addonFolders(),
): unknown {
  const { getAssetKeys, getRawAsset } = process.getBuiltinModule('node:sea');
  const key = getAssetKeys().find((asset) => asset.startsWith(`addon/${name}-`));
  if (key === undefined) throw new Error(`this binary was built without ${name}`);
  return loadAddon(key.slice('addon/'.length), Buffer.from(getRawAsset(key) as ArrayBuffer), folders);
}

/** As `loadEmbeddedAddon`, of these bytes under this file name. */
export function loadAddon(file: string, bytes: Buffer, folders: readonly string[]): unknown {
  const refused: string[] = [];
  for (const folder of folders) {
    try {
      const { path, isNew } = unpack(folder, file, bytes);
      const module = { exports: {} as unknown };
      process.dlopen(module, path, constants.dlopen.RTLD_LAZY);
      // Once: from the next start on it is simply found there.
      if (isNew && refused.length > 0) process.stderr.write(`azora: ${refused.join('; ')}; ${path} is used instead\n`);
      return module.exports;
    } catch (error) {
      refused.push(`${folder} cannot hold azora's native code (${error instanceof Error ? error.message : error})`);
    }
  }
  throw new Error(`${file} cannot be loaded: ${refused.join('; ')}. Set XDG_CACHE_HOME to a folder that can.`);
}

/** Sees to it that `folder` holds the file, whole: under another name first, since others may be doing the same at this moment. */
function unpack(folder: string, file: string, bytes: Buffer): { readonly path: string; readonly isNew: boolean } {
  makePrivate(folder);
  const path = join(folder, file);
  if (holds(path, bytes)) return { path, isNew: false };
  const unfinished = `${path}.${process.pid}-${process.hrtime.bigint()}`;
  try {
    writeSealed(unfinished, bytes);
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
  return { path, isNew: true };
}

function writeSealed(path: string, bytes: Buffer): void {
  const fd = openSync(path, 'wx', 0o500);
  try {
    writeFileSync(fd, bytes);
    seal(fd);
  } finally {
    closeSync(fd);
  }
}

function seal(fd: number): void {
  fsyncSync(fd);
  futimesSync(fd, SEALED, SEALED);
}

/** Code is loaded from it, so nobody else may write there, and it may be no link to where somebody can. */
function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory()) throw new Error('it is a link or a file');
  if (process.geteuid !== undefined && stat.uid !== process.geteuid())
    throw new Error(`it belongs to user ${stat.uid}`);
  if (stat.mode & 0o077) chmodSync(folder, 0o700);
}

/** Without its seal it is compared byte by byte, which takes longer than to load it: once. */
function holds(path: string, bytes: Buffer): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.size !== bytes.length) return false;
  if (stat.mtimeMs === SEALED.getTime()) return true;
  if (!readFileSync(path).equals(bytes)) return false;
  sealAfterAll(path);
  return true;
}

function sealAfterAll(path: string): void {
  try {
    const fd = openSync(path, 'r');
    try {
      seal(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // A home that cannot be written to: it is compared at each start.
  }
}
