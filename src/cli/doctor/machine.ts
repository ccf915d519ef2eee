import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { loadLibc } from '../../adapters/libc.ts';
import { bytes } from '../render/text.ts';
import type { Finding, Looked } from './finding.ts';

/** What of a machine azora depends on. `read` answers a file's text, null where there is none: tests give their own machine. */
export interface Machine {
  readonly nodeVersion: string;
  readonly read: (path: string) => string | null;
  /** Free bytes and files of the disk that holds a path; null: unknown. */
  readonly disk: (path: string) => { readonly bytes: number; readonly files: number | null } | null;
  readonly hasFastSpawn: boolean;
  readonly isRoot: boolean;
}

export const thisMachine = (): Machine => ({
  nodeVersion: process.versions.node,
  read: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return null; // Not this kind of system, or not for this user.
    }
  },
  disk: freeAt,
  hasFastSpawn: loadLibc() !== null,
  isRoot: process.getuid?.() === 0,
});

const OLDEST_NODE = [22, 18] as const;
/** Two logs, a FIFO's two ends, a probe's connection; and what azora itself holds. */
const FILES_PER_INSTANCE = 8;
const FILES_OF_AZORA = 200;
const LEAST_FREE_BYTES = 100 * 1024 * 1024;
const LITTLE_FREE_BYTES = 1024 * 1024 * 1024;
const LEAST_FREE_FILES = 1000;
/** A pipe of full size has 16 pages; a user beyond the limit gets pipes of one page. */
const PAGES_PER_PIPE = 16;

/** @param instances how many the file declares */
export function lookAtMachine(machine: Machine, folder: string, { instances }: { readonly instances: number }): Looked {
  const findings: Finding[] = [];
  const fine: string[] = [];
  const say = (finding: Omit<Finding, 'repair'>): void => void findings.push({ ...finding, repair: null });

  const [major = 0, minor = 0] = machine.nodeVersion.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    say({
      id: 'node-version',
      level: 'problem',
      what: `Node.js ${machine.nodeVersion} runs azora`,
      why: `azora needs ${OLDEST_NODE.join('.')} or newer`,
      fix: 'Install a newer one, or run `npm ci` in the checkout, which brings its own.',
    });
  } else fine.push(`Node.js ${machine.nodeVersion}`);

  if (!machine.hasFastSpawn) {
    say({
      id: 'no-posix-spawn',
      level: 'note',
      what: 'the native library for starting processes does not load here',
      why: 'organs start more slowly, and processes that leave their session are looked for by a scan',
      fix: 'npm rebuild koffi',
    });
  }

  const limit = openFiles(machine.read('/proc/self/limits'));
  const needed = FILES_OF_AZORA + instances * FILES_PER_INSTANCE;
  if (limit !== null && limit < needed) {
    say({
      id: 'open-files',
      level: 'problem',
      what: `a process may have ${limit} files open; ${instances} instances take about ${needed}`,
      why: 'organs could not be started, or their output not be kept',
      fix: `ulimit -n ${needed * 2}`,
    });
  } else if (limit !== null) fine.push(`${limit} open files a process`);

  const pages = Number(machine.read('/proc/sys/fs/pipe-user-pages-soft') ?? 0);
  const pipes = instances * 2;
  if (!machine.isRoot && pages > 0 && pipes > pages / PAGES_PER_PIPE) {
    say({
      id: 'pipe-pages',
      level: 'note',
      what: `this user has room for ${Math.floor(pages / PAGES_PER_PIPE)} pipes of full size, and ${instances} instances use ${pipes}`,
      why: 'the rest get pipes of 4 or 8 KiB: a burst of output makes an organ wait for azora sooner',
      fix: `sudo sysctl fs.pipe-user-pages-soft=${pipes * PAGES_PER_PIPE * 2}`,
    });
  }

  const free = machine.disk(folder);
  if (free && (free.bytes < LEAST_FREE_BYTES || (free.files !== null && free.files < LEAST_FREE_FILES))) {
    say({
      id: 'disk-full',
      level: 'problem',
      what: `the disk of ${folder} has ${bytes(free.bytes)}${free.files === null ? '' : ` and ${free.files} files`} left`,
      why: 'logs and history cannot be kept on a full disk; organs run on',
      fix: 'Make room there, or choose another disk with --state-dir.',
    });
  } else if (free && free.bytes < LITTLE_FREE_BYTES) {
    say({
      id: 'disk-low',
      level: 'note',
      what: `the disk of ${folder} has ${bytes(free.bytes)} left`,
      why: 'logs and history cannot be kept on a full disk',
      fix: 'Make room there, or lower `logs.max_size` and `logs.max_files`.',
    });
  } else if (free) fine.push(`${bytes(free.bytes)} free`);
  return { findings, fine };
}

/** The soft limit; Infinity where there is none. */
function openFiles(limits: string | null): number | null {
  const value = /^Max open files\s+(\S+)/m.exec(limits ?? '')?.[1];
  return value === undefined ? null : value === 'unlimited' ? Number.POSITIVE_INFINITY : Number(value);
}

function freeAt(path: string): { readonly bytes: number; readonly files: number | null } | null {
  let existing = path;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  try {
    const { bavail, bsize, ffree, files } = statfsSync(existing);
    // Some file systems make files without counting them.
    return { bytes: bavail * bsize, files: files > 0 ? ffree : null };
  } catch {
    return null; // Not to be known: nothing is said of it.
  }
}
