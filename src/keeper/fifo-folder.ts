import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, statfsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { hash32 } from '../core/hash.ts';

/**
 * Where FIFOs are made: in memory where the machine has such a place, since a FIFO on a disk's filesystem costs sixty times as
 * much (0.3 ms each, against a spawn of 0.3 ms). `run/fifos` links there, so that a later keeper finds the same place
 * whatever its environment. No bytes are ever stored in it.
 */

const TMPFS_MAGIC = 0x01021994;

/** The folder, made if need be, private to this user; `run` itself where there is no better place. */
export function fifoFolder(run: string): string {
  const link = join(run, 'fifos');
  const linked = readLink(link);
  for (const folder of linked ? [linked] : candidates(run)) {
    if (!makePrivate(folder)) continue;
    if (!linked) symlinkSync(folder, link);
    return folder;
  }
  rmSync(link, { force: true });
  return run;
}

/**
 * Makes the folder again if a logout has swept it. Throws if somebody else made it meanwhile: whoever owns it could put a FIFO of
 * theirs in the place of ours.
 */
export function ensureFifoFolder(folder: string): void {
  if (!makePrivate(folder)) throw new Error(`${folder} is not a private folder of this user`);
}

export function removeFifoFolder(run: string): void {
  const link = join(run, 'fifos');
  const folder = readLink(link);
  if (folder) rmSync(folder, { recursive: true, force: true });
  rmSync(link, { force: true });
}

function candidates(run: string): string[] {
  if (isInMemory(run)) return [];
  const name = `azora-${hexOf(run)}${hexOf(`fifos of ${run}`)}`;
  const runtime = process.env.XDG_RUNTIME_DIR;
  return [runtime, '/dev/shm']
    .filter((place) => place !== undefined && existsSync(place) && isInMemory(place))
    .map((place) => join(place!, name));
}

const hexOf = (text: string): string => hash32(text).toString(16).padStart(8, '0');

/** false: it cannot be made, or somebody else made it. */
function makePrivate(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stat = lstatSync(folder);
    return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0;
  } catch {
    return false; // not writable for this user: the next place
  }
}

function isInMemory(path: string): boolean {
  try {
    return statfsSync(path).type === TMPFS_MAGIC;
  } catch {
    return false; // a system without such a place
  }
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null; // not there
  }
}
